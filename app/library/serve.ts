/** Answers what peers ask of our shelf: one answer at a time for each peer, and a short queue behind it. */
import type { PeerId, Transport } from '../mesh/transport.ts';
import { hasBit } from './bitmap.ts';
import { chunkRange } from './chunks.ts';
import { type Shelf, type Shelved, isComplete } from './shelf.ts';
import { type Message, type Wanted, encode } from './wire.ts';

/** More than a well-behaved peer ever has outstanding. */
const MAX_QUEUED = 64;

export type Request = Extract<
  Message,
  { type: 'wantChunk' | 'cancelChunk' | 'wantManifest' | 'wantBits' | 'wantArt' }
>;

export interface Server {
  receive(from: PeerId, request: Request): void;
  close(): void;
}

export function createServer(transport: Transport, shelf: Shelf): Server {
  const queues = new Map<PeerId, Request[]>();
  let closed = false;

  function denied(request: Request, wanted: Wanted): Message {
    return { type: 'denied', id: request.id, index: 'index' in request ? request.index : 0, wanted };
  }

  /** What the store fails to give: said at once, as who asked would else wait. Null where nobody waits. */
  function refusal(request: Request): Message | null {
    if (request.type === 'wantChunk') return denied(request, 'chunk');
    if (request.type === 'wantArt') return denied(request, 'art');
    return null;
  }

  async function answer(request: Request): Promise<Message | null> {
    const { id } = request;
    const blob: Shelved | undefined = shelf.get(id);
    switch (request.type) {
      case 'wantBits':
        return blob ? { type: 'bits', id, bitmap: blob.bitmap } : null;
      case 'wantManifest': {
        const manifest = blob?.meta.manifest;
        return manifest?.length ? { type: 'manifest', id, manifest } : denied(request, 'manifest');
      }
      case 'wantChunk': {
        if (
          blob?.meta.kind !== 'track' ||
          request.index >= blob.chunks ||
          !hasBit(blob.bitmap, request.index)
        ) {
          return denied(request, 'chunk');
        }
        const { start, end } = chunkRange(request.index, blob.meta.bytes);
        return { type: 'chunk', id, index: request.index, data: await shelf.read(id, start, end) };
      }
      case 'wantArt':
        if (blob?.meta.kind !== 'art' || !isComplete(blob)) return denied(request, 'art');
        return { type: 'art', id, data: await shelf.read(id, 0, blob.meta.bytes) };
      case 'cancelChunk':
        return null;
    }
  }

  async function work(to: PeerId, queue: Request[]): Promise<void> {
    try {
      for (let request = queue[0]; request && !closed; request = queue[0]) {
        const message = await answer(request).catch(() => refusal(request));
        queue.shift();
        if (message) await transport.send(to, message.type === 'bits' ? 'control' : 'bytes', encode(message));
      }
    } catch {
      // The peer went away; what it asked for is moot.
    } finally {
      queues.delete(to);
    }
  }

  return {
    receive(from, request) {
      if (closed) return;
      const known = queues.get(from);
      if (request.type === 'cancelChunk') {
        const at = known?.findIndex(
          (queued, i) =>
            i > 0 &&
            queued.type === 'wantChunk' &&
            queued.id === request.id &&
            queued.index === request.index,
        );
        if (at !== undefined && at > 0) known?.splice(at, 1);
      } else if (known) {
        if (known.length < MAX_QUEUED) known.push(request);
      } else {
        const queue = [request];
        queues.set(from, queue);
        void work(from, queue);
      }
    },
    close() {
      closed = true;
      queues.clear();
    },
  };
}
