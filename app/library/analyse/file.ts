/** One file → everything that a track's record needs, or why not. Runs in the import worker, and in tests. */
import { chunkCount, CHUNK_BYTES, HASH_BYTES, sha256, toHex } from '../chunks.ts';
import { type Analysis, ImportError } from './analysis.ts';
import { measureGain } from './gain.ts';
import { createReader } from './reader.ts';
import { sniff } from './sniff.ts';
import { type FileTags, readTags, titleFromName } from './tags.ts';

export const MAX_FILE_BYTES = 500 * 1024 * 1024;

export interface AnalyseOptions {
  file: Blob;
  fileName: string;
  signal: AbortSignal;
  onProgress(doneBytes: number): void;
  /** A picture that fits into one message between peers, or null where that cannot be made of it. */
  shrinkCover(cover: Blob): Promise<Uint8Array<ArrayBuffer> | null>;
}

const KINDS = 'Earshot plays MP3, M4A, AAC, Ogg, Opus, FLAC and WAV.';

/** Rejects with ImportError, or with the signal's reason. */
export async function analyseFile(options: AnalyseOptions): Promise<Analysis> {
  const { file, fileName, signal } = options;
  const named = `“${fileName}”`;
  if (file.size > MAX_FILE_BYTES) {
    const size = `${Math.round(file.size / 2 ** 20)} MB`;
    throw new ImportError('too-large', `${named} is too large: it has ${size}, and 500 MB is the most.`);
  }
  if (file.size === 0) throw new ImportError('not-audio', `${named} is empty.`);
  try {
    const { mime, durationMs, seekIndex, tags } = await understand(file, named);
    signal.throwIfAborted();
    const hashes = await hash(options);
    const gainDb = tags.gainDb ?? (await measureGain(file, durationMs, signal));
    const cover = tags.cover ? await options.shrinkCover(tags.cover).catch(() => null) : null;
    signal.throwIfAborted();
    const { title = titleFromName(fileName), artist, album } = tags;
    return {
      ...hashes,
      bytes: file.size,
      mime,
      title,
      ...(artist !== undefined && { artist }),
      ...(album !== undefined && { album }),
      durationMs,
      ...(gainDb !== null && { gainDb }),
      ...(seekIndex !== undefined && { seekIndex }),
      art: cover ? { artId: toHex(await sha256(cover)), data: cover } : null,
    };
  } catch (error) {
    if (error instanceof ImportError || signal.aborted) throw error;
    // NotFoundError, NotReadableError: the file was moved, changed or unplugged since it was picked.
    throw new ImportError('unreadable', `${named} could not be read: is it still where it was?`, {
      cause: error,
    });
  }
}

async function understand(
  file: Blob,
  named: string,
): Promise<{ mime: string; durationMs: number; seekIndex: string | undefined; tags: FileTags }> {
  const container = await sniff(createReader(file));
  if (!container) throw new ImportError('not-audio', `${named} is not music. ${KINDS}`);
  const verdict = await container.check();
  if (verdict.state !== 'whole') throw new ImportError(verdict.state, `${named} ${verdict.why}`);
  const tags = await readTags(file, verdict.durationMs).catch((error: unknown) => {
    throw new ImportError('not-audio', `${named} could not be understood as music. ${KINDS}`, {
      cause: error,
    });
  });
  if (tags.durationMs === null) {
    const why = tags.codec
      ? `is in a format that browsers do not play (${tags.codec})`
      : 'holds no sound to play';
    throw new ImportError('not-audio', `${named} ${why}. ${KINDS}`);
  }
  const { durationMs } = tags;
  if (!(durationMs >= 1)) throw new ImportError('not-audio', `${named} holds no sound to play.`);
  return { mime: container.mime, durationMs, seekIndex: verdict.seekIndex, tags };
}

async function hash({
  file,
  signal,
  onProgress,
}: AnalyseOptions): Promise<{ trackId: string; chunksId: string; manifest: Uint8Array<ArrayBuffer> }> {
  // Web Crypto has no streaming digest, and half a gigabyte does not fit into a phone's memory.
  const { createSHA256 } = await import('hash-wasm');
  const whole = await createSHA256();
  const manifest = new Uint8Array(chunkCount(file.size) * HASH_BYTES);
  for (let start = 0; start < file.size; start += CHUNK_BYTES) {
    signal.throwIfAborted();
    const chunk = new Uint8Array(await file.slice(start, start + CHUNK_BYTES).arrayBuffer());
    whole.update(chunk);
    manifest.set(await sha256(chunk), (start / CHUNK_BYTES) * HASH_BYTES);
    onProgress(start + chunk.length);
  }
  return { trackId: whole.digest('hex'), chunksId: toHex(await sha256(manifest)), manifest };
}
