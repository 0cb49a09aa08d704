/** Files → tracks on the shelf, one after the other; a bad one is reported and the rest go on. */
import type { Analyser } from './analyse/client.ts';
import { type Analysis, ImportError } from './analyse/analysis.ts';
import type { writeArt as WriteArt } from './art.ts';
import { hasBit } from './bitmap.ts';
import { chunkRange, isChunk } from './chunks.ts';
import type { ImportedTrack, ImportEvent } from './library.ts';
import { type Shelf, type Shelved, isComplete } from './shelf.ts';
import { NoSpaceError } from './store.ts';

export interface ImportOptions {
  files: readonly File[];
  signal: AbortSignal;
  analyser: Analyser;
  shelf: Shelf;
  writeArt: typeof WriteArt;
  /** Ends what is under way for a track that is about to go. */
  forget(trackId: string): void;
}

/** Reading and hashing a file, and writing it, weigh the same in the progress. */
const HALF = 2;

export async function* importFiles(options: ImportOptions): AsyncGenerator<ImportEvent> {
  for (const [fileIndex, file] of options.files.entries()) {
    if (options.signal.aborted) return;
    yield* importFile(options, file, fileIndex);
  }
}

async function* importFile(
  options: ImportOptions,
  file: File,
  fileIndex: number,
): AsyncGenerator<ImportEvent> {
  const { signal } = options;
  const fileName = file.name;
  const totalBytes = file.size;
  let doneBytes = 0;
  let wake: () => void = () => {};
  const onProgress = (bytes: number) => {
    doneBytes = bytes;
    wake();
  };

  const work = importOne(options, file, onProgress);
  let over = false;
  const settled = work.then(
    () => (over = true),
    () => (over = true),
  );
  yield { type: 'progress', fileIndex, fileName, doneBytes: 0, totalBytes };
  let toldBytes = 0;
  while (!over) {
    await Promise.race([settled, new Promise<void>((resolve) => (wake = resolve))]);
    if (over || doneBytes === toldBytes) continue;
    toldBytes = doneBytes;
    yield { type: 'progress', fileIndex, fileName, doneBytes, totalBytes };
  }
  try {
    const { track, alreadyHere } = await work;
    yield { type: 'done', fileIndex, fileName, track, alreadyHere };
  } catch (error) {
    if (signal.aborted) return;
    const failure = asFailure(error, fileName);
    yield { type: 'failed', fileIndex, fileName, reason: failure.reason, message: failure.message };
  }
}

function asFailure(error: unknown, fileName: string): ImportError {
  if (error instanceof ImportError) return error;
  if (error instanceof NoSpaceError) {
    const message = `“${fileName}” does not fit: this device has no space left for it.`;
    return new ImportError('no-space', message);
  }
  return new ImportError('unreadable', `“${fileName}” could not be stored: ${String(error)}`);
}

async function importOne(
  options: ImportOptions,
  file: File,
  onProgress: (doneBytes: number) => void,
): Promise<{ track: ImportedTrack; alreadyHere: boolean }> {
  const { signal, analyser, shelf } = options;
  const analysis = await analyser.analyse(file, signal, (bytes) => onProgress(Math.floor(bytes / HALF)));
  const alreadyHere = await shelf.whole(
    analysis.trackId,
    () => keep(options, analysis, file, onProgress),
    signal,
  );
  return { track: describe(analysis), alreadyHere };
}

/** False: it was not here. */
async function keep(
  { signal, shelf, writeArt, forget }: ImportOptions,
  analysis: Analysis,
  file: File,
  onProgress: (doneBytes: number) => void,
): Promise<boolean> {
  const { trackId, bytes, mime, chunksId, manifest, art } = analysis;
  const drop = () => {
    forget(trackId);
    return shelf.delete(trackId);
  };
  const known = shelf.get(trackId);
  // Half of something else under the same name.
  if (known && known.meta.chunksId !== chunksId) await drop();
  const record = { id: trackId, kind: 'track' as const, bytes, mime, chunksId, manifest };
  const flags = { imported: true, checked: true, wanted: false, ...(art && { artId: art.artId }) };
  // Only now is it certain what is here: another tab may have fetched or imported it.
  const blob = await shelf.put({ ...record, ...flags });
  if (isComplete(blob)) return true;
  try {
    await fill(analysis, file, blob, signal, shelf, onProgress);
    if (art) await keepArt(art, shelf, writeArt);
  } catch (error) {
    await drop();
    throw error;
  }
  return false;
}

function describe({
  trackId,
  bytes,
  chunksId,
  mime,
  title,
  artist,
  album,
  durationMs,
  gainDb,
  seekIndex,
  art,
}: Analysis): ImportedTrack {
  return {
    ref: { trackId, bytes, chunksId, mime },
    title,
    ...(artist !== undefined && { artist }),
    ...(album !== undefined && { album }),
    durationMs,
    ...(gainDb !== undefined && { gainDb }),
    ...(seekIndex !== undefined && { seekIndex }),
    ...(art && { artId: art.artId }),
  };
}

async function fill(
  { trackId, bytes, manifest }: Analysis,
  file: File,
  blob: Shelved,
  signal: AbortSignal,
  shelf: Shelf,
  onProgress: (doneBytes: number) => void,
): Promise<void> {
  for (let index = 0; index < blob.chunks; index++) {
    if (hasBit(blob.bitmap, index)) continue;
    signal.throwIfAborted();
    const { start, end } = chunkRange(index, bytes);
    const data = new Uint8Array(await file.slice(start, end).arrayBuffer());
    if (!(await isChunk(data, index, bytes, manifest))) {
      throw new ImportError('unreadable', `“${file.name}” changed while it was imported.`);
    }
    await shelf.write(trackId, index, data);
    onProgress(Math.floor((bytes + end) / HALF));
  }
}

async function keepArt(
  { artId, data }: NonNullable<Analysis['art']>,
  shelf: Shelf,
  writeArt: typeof WriteArt,
): Promise<void> {
  try {
    await writeArt(shelf, { id: artId, mime: 'image/jpeg', imported: true }, data);
  } catch (error) {
    // A song without its cover is better than none.
    if (!(error instanceof NoSpaceError)) throw error;
  }
}
