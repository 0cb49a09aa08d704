/** Fetches cover pictures from peers: small enough for one message, named and verified by their SHA-256. */
import type { PeerId } from '../mesh/transport.ts';
import { chunkCount, chunkRange, sha256, toHex } from './chunks.ts';
import type { Neighbours } from './neighbours.ts';
import { type Shelf, isComplete } from './shelf.ts';
import { NoSpaceError } from './store.ts';
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
  /** Something left this device: what did not fit is asked for again. */
  roomMade(): void;
  receive(from: PeerId, artId: string, data: Uint8Array<ArrayBuffer>): void;
  denied(from: PeerId, artId: string): void;
  peerGone(peerId: PeerId): void;
  close(): void;
}

export function createArtFetcher({ shelf, neighbours, send, timeoutMs }: ArtFetcherOptions): ArtFetcher {
  const wanted = new Map<string, { failed: Set<PeerId>; isUnfit: boolean }>();
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
    for (const [artId, { failed: skip, isUnfit }] of wanted) {
      if (asked.size >= MAX_AT_ONCE) return;
      if (isUnfit || asked.has(artId)) continue;
      const from = neighbours.holders(artId).find((peerId) => !skip.has(peerId));
      if (from === undefined) continue;
      asked.set(artId, { from, timer: setTimeout(() => failed(artId, from), timeoutMs) });
      send(from, { type: 'wantArt', id: artId }).catch(() => failed(artId, from));
    }
  }

  async function keep(from: PeerId, id: string, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const mime = pictureType(data);
    if (mime === null || toHex(await sha256(data)) !== id) return failed(id, from);
    await writeArt(shelf, { id, mime, imported: false }, data);
    clearTimeout(asked.get(id)?.timer);
    asked.delete(id);
    wanted.delete(id);
    pump();
  }

  return {
    fetch(artId) {
      if (wanted.has(artId) || wanted.size >= MAX_WANTED) return;
      wanted.set(artId, { failed: new Set(), isUnfit: false });
      pump();
    },
    pump,
    roomMade() {
      for (const want of wanted.values()) {
        if (!want.isUnfit) continue;
        want.isUnfit = false;
        want.failed.clear();
      }
      pump();
    },
    receive(from, artId, data) {
      if (asked.get(artId)?.from !== from) return;
      keep(from, artId, data.slice()).catch((error: unknown) => {
        const want = wanted.get(artId);
        if (want && error instanceof NoSpaceError) want.isUnfit = true;
        failed(artId, from);
      });
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

/** Stores a picture, which is verified by its id alone: all of it or nothing. Rejects with NoSpaceError: no song goes for it. */
export async function writeArt(
  shelf: Shelf,
  picture: { id: string; mime: string; imported: boolean },
  data: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { id, imported } = picture;
  const known = shelf.get(id);
  if (known && isComplete(known)) return;
  const manifest = new Uint8Array(0);
  const bytes = data.length;
  await shelf.whole(id, async () => {
    const blob = await shelf.put({
      ...picture,
      kind: 'art',
      bytes,
      chunksId: '',
      manifest,
      wanted: !imported,
    });
    if (isComplete(blob)) return;
    try {
      for (let index = 0; index < chunkCount(bytes); index++) {
        const { start, end } = chunkRange(index, bytes);
        await shelf.write(id, index, data.slice(start, end));
      }
    } catch (error) {
      await shelf.delete(id);
      throw error;
    }
  });
}
