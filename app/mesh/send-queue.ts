import { PeerUnreachableError } from './transport.ts';

/** A queue that did not drain for this long belongs to a peer that is gone. */
const DRAIN_DEADLINE_MS = 10_000;

export interface SendQueue {
  /** Resolves when there is room for the next message; rejects with PeerUnreachableError. Keeps the order of calls. */
  send(message: Uint8Array<ArrayBuffer>): Promise<void>;
  close(): void;
}

/**
 * Backpressure for one data channel: at most `highWaterBytes` (plus one message) wait inside the browser, because a
 * full queue there throws and loses the message (at about 16 MB in Chromium, FACTS.md).
 */
export function createSendQueue(channel: RTCDataChannel, highWaterBytes: number): SendQueue {
  let tail: Promise<void> = Promise.resolve();
  let waiting = 0;
  let closed = false;
  let wake: (() => void) | null = null;
  channel.bufferedAmountLowThreshold = highWaterBytes / 2;

  const onLow = () => wake?.();
  channel.addEventListener('bufferedamountlow', onLow);
  channel.addEventListener('close', close);

  function gone(): PeerUnreachableError {
    return new PeerUnreachableError('the peer went away');
  }

  async function drained(): Promise<void> {
    if (closed) throw gone();
    if (channel.bufferedAmount <= highWaterBytes) return;
    await new Promise<void>((resolve, reject) => {
      const deadline = setTimeout(
        () => reject(new PeerUnreachableError('the send queue did not drain in time')),
        DRAIN_DEADLINE_MS,
      );
      wake = () => {
        clearTimeout(deadline);
        wake = null;
        if (closed) reject(gone());
        else resolve();
      };
    });
  }

  function put(message: Uint8Array<ArrayBuffer>): void {
    if (closed || channel.readyState !== 'open') throw gone();
    try {
      channel.send(message);
    } catch (error) {
      throw new PeerUnreachableError('the message could not be sent', { cause: error });
    }
  }

  async function sendOne(message: Uint8Array<ArrayBuffer>): Promise<void> {
    put(message);
    await drained();
  }

  function close(): void {
    if (closed) return;
    closed = true;
    channel.removeEventListener('bufferedamountlow', onLow);
    channel.removeEventListener('close', close);
    wake?.();
  }

  return {
    send(message) {
      const isFree = waiting === 0;
      waiting++;
      // Nothing waits: into the channel at once, not a microtask later.
      tail = isFree ? sendOne(message) : tail.then(() => sendOne(message));
      const mine = tail.finally(() => waiting--);
      // A failed send must not fail the ones behind it twice: each asks the channel anew.
      tail = mine.catch(() => {});
      return mine;
    },
    close,
  };
}
