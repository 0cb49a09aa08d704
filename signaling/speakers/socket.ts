/** The members' WebSocket: what is observed goes out, what the host says comes in (signaling/protocol/speakers.ts). */
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { isKeyOf } from '../ops/room.ts';
import { createSocketPath, type GuardedSocket, type SocketPath } from '../ops/sockets.ts';
import {
  MAX_SPEAKERS_MESSAGE_BYTES,
  type NodeSpeakersMessage,
  type SpeakerAct,
  SPEAKERS_PATH,
  SPEAKERS_BEAT_MS,
  SpeakersMessage,
  type SpeakersRefusal,
} from '../protocol/speakers.ts';
import { MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../protocol/uplink.ts';
import type { RoomsWatch } from './own-room.ts';

const HELLO_MS = 5_000;
const MAX_SOCKETS = 512;
const PACE = {
  messages: { burst: 200, perSecond: 40 },
  bytes: { burst: 262_144, perSecond: 32_768 },
};
/** What changes together is told together. */
const TELL_MS = 100;
const REFUSED = 1008;

function parseMessage(data: Buffer): SpeakersMessage | null {
  try {
    const parsed = v.safeParse(SpeakersMessage, JSON.parse(data.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

interface Claim {
  epoch: number;
  peerId: string;
}

export interface SpeakerSocketOptions {
  watch: RoomsWatch;
  /** Who feeds this room's stream; null: nobody. */
  hostOf(roomId: string): Claim | null;
  counters: Counters;
  /** Monotonic milliseconds. */
  now: () => number;
  isExempt(address: string): boolean;
}

export function createSpeakerSocket({ watch, hostOf, ...shared }: SpeakerSocketOptions): SocketPath {
  const { counters } = shared;
  /** Rooms that have a socket open, and which claim has acted there: it need not feed the stream to be known. */
  const rooms = new Map<string, { sockets: number; acted: Claim | null }>();

  function enter(roomId: string): void {
    const room = rooms.get(roomId) ?? { sockets: 0, acted: null };
    room.sockets++;
    rooms.set(roomId, room);
  }

  /** With the last one the claim is forgotten: a room that lost its document counts from the beginning again. */
  function leave(roomId: string): void {
    const room = rooms.get(roomId);
    if (room !== undefined && --room.sockets === 0) rooms.delete(roomId);
  }

  /**
   * `(epoch, peerId)`, as everywhere: whoever is outranked has lost the role, and may not know yet. Who may feed the stream was
   * judged at the uplink: what has acted before says nothing against that.
   */
  function isHost(roomId: string, { epoch, peerId }: Claim): boolean {
    const room = rooms.get(roomId);
    if (room === undefined) return false;
    const feeding = hostOf(roomId);
    const isFeeding = feeding?.epoch === epoch && feeding.peerId === peerId;
    const isOutranked = [room.acted, feeding].some(
      (other) => other !== null && (other.epoch > epoch || (other.epoch === epoch && other.peerId > peerId)),
    );
    if (isOutranked && !isFeeding) return false;
    room.acted = { epoch, peerId };
    return true;
  }

  function serve(socket: GuardedSocket): void {
    let roomId: string | null = null;
    let told = new Set<string>();
    let changed = new Set<string>();
    let timer: NodeJS.Timeout | null = null;
    let beating: NodeJS.Timeout | null = null;
    let stop = (): void => {};
    const tell = (message: NodeSpeakersMessage): void => void socket.send(JSON.stringify(message));

    function refuse(reason: SpeakersRefusal, detail?: string): void {
      counters.count(SPEAKERS_PATH, reason);
      tell(detail === undefined ? { type: 'refused', reason } : { type: 'refused', reason, detail });
      socket.close(REFUSED, reason);
    }
    const impatience = setTimeout(() => refuse('hello-timeout'), HELLO_MS);

    function tellChanges(): void {
      timer = null;
      if (roomId === null) return;
      const all = watch.observed(roomId);
      const there = new Set(all.map(({ id }) => id));
      const gone = [...told].filter((id) => !there.has(id));
      const speakers = all.filter(({ id }) => changed.has(id));
      told = there;
      changed = new Set();
      if (speakers.length > 0 || gone.length > 0) tell({ type: 'observed', whole: false, speakers, gone });
    }

    async function act(room: string, { actId, speakerId, deed, epoch, peerId }: SpeakerAct): Promise<void> {
      const error = isHost(room, { epoch, peerId })
        ? await watch.act(room, speakerId, deed)
        : 'Another device hosts this room now.';
      tell({ type: 'acted', actId, error });
    }

    socket.onMessage((data, isBinary) => {
      const message = isBinary ? null : parseMessage(data);
      if (message?.type === 'act' && roomId !== null) return void act(roomId, message);
      if (message?.type !== 'hello' || roomId !== null) return refuse('bad-message');
      if (message.protocol < MIN_PROTOCOL_VERSION || message.protocol > PROTOCOL_VERSION)
        return refuse('protocol-version', `this node speaks ${MIN_PROTOCOL_VERSION} to ${PROTOCOL_VERSION}`);
      if (!isKeyOf(message.roomId, message.uplinkKey)) return refuse('wrong-key');
      clearTimeout(impatience);
      ({ roomId } = message);
      enter(roomId);
      const speakers = watch.observed(roomId);
      told = new Set(speakers.map(({ id }) => id));
      tell({ type: 'observed', whole: true, speakers, gone: [] });
      beating = setInterval(
        () => tell({ type: 'observed', whole: false, speakers: [], gone: [] }),
        SPEAKERS_BEAT_MS,
      );
      stop = watch.onChange((ids) => {
        for (const id of ids) changed.add(id);
        timer ??= setTimeout(tellChanges, TELL_MS);
      });
    });

    socket.onClose(() => {
      clearTimeout(impatience);
      if (timer !== null) clearTimeout(timer);
      if (beating !== null) clearInterval(beating);
      stop();
      if (roomId !== null) leave(roomId);
    });
  }

  return createSocketPath({
    path: SPEAKERS_PATH,
    maxMessageBytes: MAX_SPEAKERS_MESSAGE_BYTES,
    maxSockets: MAX_SOCKETS,
    pace: PACE,
    ...shared,
    farewell: JSON.stringify({ type: 'refused', reason: 'shutting-down' } satisfies NodeSpeakersMessage),
    onSocket: serve,
  });
}
