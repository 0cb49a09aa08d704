import { chunksOf } from './chunks.ts';
import { SYNC, SYNC_PART, roomMessage } from './room-wire.ts';

/** What waits for one peer beyond this is not kept: the digests show later what it lacks. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

export interface Outbox {
  /** Whole messages leave in the order of calls. False: dropped, because too much waits already. */
  push(message: Uint8Array): boolean;
}

/**
 * Sync messages to one peer, in chunks, each only when the one before has found room.
 * @param onRoom after something was dropped, once all that waited has left
 */
export function createOutbox(
  send: (message: Uint8Array<ArrayBuffer>) => Promise<void>,
  onRoom: () => void,
): Outbox {
  let tail = Promise.resolve();
  let waitingBytes = 0;
  let dropped = false;

  async function sendWhole(message: Uint8Array): Promise<void> {
    for (const { bytes, isLast } of chunksOf(message))
      await send(roomMessage(isLast ? SYNC : SYNC_PART, bytes));
  }

  return {
    push(message) {
      if (waitingBytes > MAX_WAITING_BYTES) {
        dropped = true;
        return false;
      }
      waitingBytes += message.length;
      tail = tail
        .then(() => sendWhole(message))
        // The peer went: whoever owns this outbox is told by the link.
        .catch(() => {})
        .then(() => {
          waitingBytes -= message.length;
          if (!dropped || waitingBytes > 0) return;
          dropped = false;
          onRoom();
        });
      return true;
    },
  };
}
