/** Fetches cover pictures from peers: small enough for one message, named and verified by their SHA-256. */
import type { PeerId } from '../mesh/transport.ts';
import { chunkCount, chunkRange, sha256, toHex } from './chunks.ts';
import type { Neighbours } from './neighbours.ts';
import type { Shelf } from './shelf.ts';
import type { Message } from './wire.ts';

const MAX_AT_ONCE = 4;
/** A list of some thousand tracks asks for all its covers. */
const MAX_WANTED = 2_000;

/** MIME type of a picture that may be shown, by its first bytes; null for anything else. */
export function pictureType(bytes: Uint8Array): string | null {
  const ascii = (start: number, end: number) => String.fromCharCode(...bytes.subarray(start, end));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'image/jpeg';
  if (bytes[0] === 0x89 && ascii(1, 4) === 'PNG') return 'image/png';
  if (ascii(0, 4) === 'RIFF' && ascii(8, 12) === 'WEBP') return 'image/webp';
  return null;
}

export interface ArtFetcherOptions {
  shelf: Shelf;
  neighbours: Neighbours;
  send(to: PeerId, message: Message): Promise<void>;
  timeoutMs: number;
}

export interface ArtFetcher {
  fetch(artId: string): void;
  pump(): void;
  receive(from: PeerId, artId: string, data: Uint8Array<ArrayBuffer>): void;
  denied(from: PeerId, artId: string): void;
  peerGone(peerId: PeerId): void;
  close(): void;
}

export function createArtFetcher({ shelf, neighbours, send, timeoutMs }: ArtFetcherOptions): ArtFetcher {
  const wanted = new Map<string, { failed: Set<PeerId> }>();
  const asked = new Map<string, { from: PeerId; timer: ReturnType<typeof setTimeout> }>();
  let closed = false;

  function failed(artId: string, from: PeerId): void {
    const request = asked.get(artId);
    if (request?.from !== from) return;
    clearTimeout(request.timer);
    asked.delete(artId);
    wanted.get(artId)?.failed.add(from);
    pump();
  }

  function pump(): void {
    if (closed) return;
    for (const [artId, { failed: skip }] of wanted) {
      if (asked.size >= MAX_AT_ONCE) return;
      if (asked.has(artId)) continue;
      const from = neighbours.holders(artId).find((peerId) => !skip.has(peerId));
      if (from === undefined) continue;
      asked.set(artId, { from, timer: setTimeout(() => failed(artId, from), timeoutMs) });
      send(from, { type: 'wantArt', id: artId }).catch(() => failed(artId, from));
    }
  }

  async function keep(from: PeerId, id: string, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const mime = pictureType(data);
    if (mime === null || toHex(await sha256(data)) !== id) return failed(id, from);
    const empty = new Uint8Array(0);
    const bytes = data.length;
    await shelf.put({
      id,
      kind: 'art',
      bytes,
      mime,
      chunksId: '',
      manifest: empty,
      imported: false,
      wanted: true,
    });
    await writeArt(shelf, id, data);
    clearTimeout(asked.get(id)?.timer);
    asked.delete(id);
    wanted.delete(id);
    pump();
  }

  return {
    fetch(artId) {
      if (wanted.has(artId) || wanted.size >= MAX_WANTED) return;
      wanted.set(artId, { failed: new Set() });
      pump();
    },
    pump,
    receive(from, artId, data) {
      if (asked.get(artId)?.from !== from) return;
      keep(from, artId, data.slice()).catch(() => failed(artId, from));
    },
    denied: (from, artId) => failed(artId, from),
    peerGone(peerId) {
      for (const [artId, { from }] of asked) if (from === peerId) failed(artId, peerId);
      for (const { failed: skip } of wanted.values()) skip.delete(peerId);
    },
    close() {
      closed = true;
      for (const { timer } of asked.values()) clearTimeout(timer);
      asked.clear();
      wanted.clear();
    },
  };
}

/** Stores a picture's bytes, which are verified by its id alone. */
export async function writeArt(shelf: Shelf, id: string, data: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let index = 0; index < chunkCount(data.length); index++) {
    const { start, end } = chunkRange(index, data.length);
    await shelf.write(id, index, data.slice(start, end));
  }
}
