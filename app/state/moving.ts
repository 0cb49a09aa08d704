/**
 * How the owner takes the present members to the room's new secret: told to each chosen peer alone, over connections that
 * both ends have proven with the old secret, and answered, so that the owner knows who comes along. Nothing of it ever
 * enters the document or awareness, which everybody with the old link can read.
 *
 * Wire (channel `control`): 0: u8 0x6d   1: JSON, UTF-8, as `MoveMessage`.
 */
import * as v from 'valibot';
import { isSecret } from '../../signaling/protocol/secret.ts';
import type { PeerId, Transport } from '../mesh/transport.ts';

const MARK = 0x6d;
const MAX_BYTES = 256;

const MoveMessage = v.variant('type', [
  v.object({ type: v.literal('come'), secret: v.pipe(v.string(), v.check(isSecret)) }),
  v.object({ type: v.literal('coming') }),
]);
export type MoveMessage = v.InferOutput<typeof MoveMessage>;

export function encodeMove(message: MoveMessage): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(message));
  const out = new Uint8Array(1 + text.length);
  out[0] = MARK;
  out.set(text, 1);
  return out;
}

/** Null for anything else that goes over the channel. */
export function parseMove(bytes: Uint8Array): MoveMessage | null {
  if (bytes[0] !== MARK || bytes.length > MAX_BYTES) return null;
  try {
    const result = v.safeParse(MoveMessage, JSON.parse(new TextDecoder().decode(bytes.subarray(1))));
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}

export interface MovingOptions {
  transport: Pick<Transport, 'send' | 'onMessage'>;
  /** By presence, which members could forge: what keeps others out is the secret, inside the room one trusts the others. */
  isOwner: (peerId: PeerId) => boolean;
  /** The owner asks this device to come along; the answer has been sent. */
  onCome: (secret: string) => void;
  setTimer: (run: () => void, ms: number) => () => void;
}

export interface Moving {
  /** Tells the secret to these peers and to nobody else. Resolves with those who did not answer in time. */
  tell(peerIds: readonly PeerId[], secret: string, deadlineMs: number): Promise<readonly PeerId[]>;
  close(): void;
}

export function createMoving({ transport, isOwner, onCome, setTimer }: MovingOptions): Moving {
  const waiting = new Map<PeerId, () => void>();
  let closed = false;

  const stop = transport.onMessage('control', (from, bytes) => {
    const message = parseMove(bytes);
    if (message === null || closed) return;
    if (message.type === 'coming') waiting.get(from)?.();
    else if (isOwner(from)) void come(from, message.secret);
  });

  async function come(from: PeerId, secret: string): Promise<void> {
    // Should the answer not arrive, the owner says that this device did not come along: it still does.
    await transport.send(from, 'control', encodeMove({ type: 'coming' })).catch(() => undefined);
    if (!closed) onCome(secret);
  }

  return {
    async tell(peerIds, secret, deadlineMs) {
      const message = encodeMove({ type: 'come', secret });
      const missed = new Set(peerIds);
      await new Promise<void>((resolve) => {
        const cancel = setTimer(resolve, deadlineMs);
        const answered = (peerId: PeerId): void => {
          waiting.delete(peerId);
          missed.delete(peerId);
          if (missed.size > 0) return;
          cancel();
          resolve();
        };
        for (const peerId of peerIds) {
          waiting.set(peerId, () => answered(peerId));
          transport.send(peerId, 'control', message).catch(() => undefined);
        }
        if (missed.size === 0) {
          cancel();
          resolve();
        }
      });
      for (const peerId of peerIds) waiting.delete(peerId);
      return [...missed];
    },
    close() {
      closed = true;
      stop();
    },
  };
}
