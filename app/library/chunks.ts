/**
 * A track is cut into chunks of one size (the last one shorter). Its manifest is the SHA-256 of each chunk, one after the
 * other; `chunksId` is the SHA-256 of the manifest. Who knows `chunksId` can verify the manifest, and with it each chunk.
 */
export const CHUNK_BYTES = 128 * 1024;
export const HASH_BYTES = 32;

export function chunkCount(bytes: number): number {
  return Math.ceil(bytes / CHUNK_BYTES);
}

/** Bytes of one chunk within a track of `totalBytes`: [start, end). */
export function chunkRange(index: number, totalBytes: number): { start: number; end: number } {
  const start = index * CHUNK_BYTES;
  return { start, end: Math.min(totalBytes, start + CHUNK_BYTES) };
}

/** Chunks that bytes [start, end) lie in: [first, afterLast). */
export function chunksOf(start: number, end: number): { first: number; afterLast: number } {
  return { first: Math.floor(start / CHUNK_BYTES), afterLast: Math.ceil(end / CHUNK_BYTES) };
}

export function manifestHash(manifest: Uint8Array, index: number): Uint8Array {
  return manifest.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', data));
}

/** Whether this is the manifest of a track with these `bytes` and this `chunksId`. */
export async function isManifest(
  manifest: Uint8Array<ArrayBuffer>,
  bytes: number,
  chunksId: string,
): Promise<boolean> {
  if (manifest.length !== chunkCount(bytes) * HASH_BYTES) return false;
  return toHex(await sha256(manifest)) === chunksId;
}

/** Whether `data` is chunk `index` of the track that this manifest describes. */
export async function isChunk(
  data: Uint8Array<ArrayBuffer>,
  index: number,
  bytes: number,
  manifest: Uint8Array,
): Promise<boolean> {
  const { start, end } = chunkRange(index, bytes);
  if (index < 0 || end - start !== data.length) return false;
  return sameBytes(await sha256(data), manifestHash(manifest, index));
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The bytes of an even number of hex digits. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
