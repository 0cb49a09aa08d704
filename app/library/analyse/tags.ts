/** What a file says about itself (mediabunny), and what its name says where it is silent. */
import { gainFromTags } from './gain.ts';
import { type Input, ALL_FORMATS, BlobSource, Input as MediaInput } from 'mediabunny';

const MAX_TEXT = 500;
const PLAYABLE = /^(mp3|aac|opus|vorbis|flac|pcm-.*|ulaw|alaw)$/;

export interface FileTags {
  title?: string;
  artist?: string;
  album?: string;
  cover: Blob | null;
  /** Exact; null when it holds no track that browsers decode. */
  durationMs: number | null;
  codec: string | null;
  /** What ReplayGain or R128 tags say; null without any. */
  gainDb: number | null;
}

/** "07 - Blue Train.mp3" → "Blue Train"; "99 Luftballons.mp3" and "1979.flac" keep their numbers. */
export function titleFromName(fileName: string): string {
  const name = fileName
    .replace(/\.[A-Za-z0-9]{1,5}$/, '')
    .replaceAll('_', ' ')
    .trim();
  const bare = name.replace(/^(?:\d{1,2}-)?(?:\d{1,3}\s*[-.)–]+\s*|0\d\s+)(?=\S)/, '').trim();
  return (bare || name || fileName).slice(0, MAX_TEXT);
}

/** UTF-8 that was read as Latin-1, as in WAV files' INFO chunks, put right. */
export function mendText(text: string): string {
  if (!/[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return text;
  try {
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return text;
  }
}

function clean(text: string | undefined): string | undefined {
  const trimmed = text === undefined ? '' : mendText(text).replaceAll('\0', '').trim().slice(0, MAX_TEXT);
  return trimmed === '' ? undefined : trimmed;
}

async function readWith(input: Input, knownMs: number | undefined): Promise<FileTags> {
  const track = await input.getPrimaryAudioTrack();
  const codec = track ? await track.getCodec() : null;
  const playable = track !== null && codec !== null && PLAYABLE.test(codec);
  const durationMs = playable ? (knownMs ?? (await track.computeDuration()) * 1000) : null;
  // Broken tags must not keep good music out.
  const tags = await input.getMetadataTags().catch(() => null);
  const picture = tags?.images?.find((image) => image.kind === 'coverFront') ?? tags?.images?.[0];
  const title = clean(tags?.title);
  const artist = clean(tags?.artist);
  const album = clean(tags?.album);
  return {
    ...(title && { title }),
    ...(artist && { artist }),
    ...(album && { album }),
    cover: picture ? new Blob([picture.data.slice()], { type: picture.mimeType }) : null,
    durationMs,
    codec,
    gainDb: gainFromTags(tags?.raw),
  };
}

/**
 * Rejects when mediabunny cannot make sense of the file. `knownMs`: the length, where it need not be counted from the
 * container's packets once more.
 */
export async function readTags(file: Blob, knownMs: number | undefined): Promise<FileTags> {
  const input = new MediaInput({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    return await readWith(input, knownMs);
  } finally {
    input.dispose();
  }
}
