/**
 * Feeds the room's stream on the LAN node: one WebSocket (signaling/protocol/uplink.ts) that comes back by itself. Lives in
 * the encoder's worker, so that nothing on the page's main thread can starve it. Frames are never kept for later: what
 * cannot leave now is old by the time it could.
 */
import * as v from 'valibot';
import {
  type ExtraVariant,
  NodeUplinkMessage,
  PROTOCOL_VERSION,
  type RefusalReason,
  type UplinkHello,
  type UplinkTitle,
  VARIANT_TAGS,
} from '../../signaling/protocol/uplink.ts';
import type { BitrateKbps, UplinkSettings, UplinkState } from './mp3/shared.ts';
import { createNodeLine } from './node-line.ts';

export interface Uplink {
  /** Sends whole frames, or drops them when the node is away or more than two seconds behind. */
  frames(frames: Uint8Array<ArrayBuffer>): void;
  /** The same of a variant that the node wants; dropped sooner, so that the MP3 that always flows goes first. */
  extra(variant: ExtraVariant, frames: Uint8Array<ArrayBuffer>): void;
  /** What plays; said again after each reconnect. */
  title(title: string, artist: string | null): void;
  /** A newer claim: says hello again with it. */
  epoch(epoch: number): void;
  close(): void;
}

const SAMPLE_RATE_HZ = 48_000;
const MAX_BEHIND_SECONDS = 2;
/** Half a second of samples. */
const MAX_EXTRA_BEHIND_BYTES = 98_304;
/** A node that does not take this much sound for this long is not there, whatever its connection says. */
const STUCK_MS = 2_000;
const REFUSED_RETRY_MS = 5_000;
const WELCOME_MS = 5_000;

/** Trying again cannot help before something else changes: for those who were shut out, the epoch. */
const FINAL: ReadonlySet<RefusalReason> = new Set([
  'wrong-key',
  'protocol-version',
  'lower-epoch',
  'superseded',
]);

const WORDS: Record<RefusalReason, string> = {
  'bad-message': 'The node did not understand this device. Reload the page.',
  'wrong-key': 'The node did not accept this room’s key. Open the room’s link again.',
  'protocol-version': 'The node runs another version. Reload the page to update.',
  'lower-epoch': 'Another device hosts this room now.',
  superseded: 'Another device took over as host.',
  'not-frames': 'The node could not read this device’s sound. Reload the page.',
  'too-fast': 'This device sent more than a stream holds. Switch host mode off and on again.',
  'hello-timeout': 'The connection to the node is too slow.',
  'too-many-rooms': 'The node carries as many rooms as it can.',
  'too-many-watches': 'The node carries as many hosts as it can.',
  'shutting-down': 'The node is shutting down.',
};
const UNREACHABLE = 'The node is out of reach. The speakers are silent until it is back.';

export function createUplink(options: {
  settings: UplinkSettings;
  bitrateKbps: BitrateKbps;
  onState: (state: UplinkState) => void;
  /** What somebody listens to beside the MP3 that always flows; nothing when the node is away. */
  onWanted: (variants: readonly ExtraVariant[]) => void;
}): Uplink {
  const { settings, bitrateKbps, onState, onWanted } = options;
  /** Extras wait in the same queue: two seconds of MP3 alone are less than half a second of samples. */
  const maxBehindBytes = (): number =>
    MAX_BEHIND_SECONDS * bitrateKbps * 125 + (sendsExtras ? MAX_EXTRA_BEHIND_BYTES : 0);
  let sendsExtras = false;
  let epoch = settings.epoch;
  let title: UplinkTitle | null = null;
  let socket: WebSocket | null = null;
  let welcomed = false;
  let streamPath = '';
  let refusal: RefusalReason | null = null;
  let isFirst = true;
  let behindSinceMs: number | null = null;
  const line = createNodeLine({ url: settings.url, onBack: connect, onAway: tellAway });
  let timer: ReturnType<typeof setTimeout> | null = null;
  let closed = false;

  function after(ms: number, run: () => void): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(run, ms);
  }

  function connect(): void {
    if (closed) return;
    refusal = null;
    welcomed = false;
    if (isFirst) onState({ state: 'connecting' });
    const current = new WebSocket(settings.url);
    current.binaryType = 'arraybuffer';
    socket = current;
    after(WELCOME_MS, () => giveUp(current));
    current.onopen = () => {
      const hello: UplinkHello = {
        type: 'hello',
        protocol: PROTOCOL_VERSION,
        roomId: settings.roomId,
        uplinkKey: settings.uplinkKey,
        epoch,
        peerId: settings.peerId,
        bitrateKbps,
        sampleRateHz: SAMPLE_RATE_HZ,
      };
      current.send(JSON.stringify(hello));
    };
    current.onmessage = ({ data }) => {
      const message = parse(data);
      if (socket === current && message) take(current, message);
    };
    current.onclose = () => {
      if (socket === current) lost();
    };
  }

  function take(current: WebSocket, message: NodeUplinkMessage): void {
    if (message.type === 'refused') {
      refusal = message.reason;
      return;
    }
    if (message.type === 'wanted') {
      sendsExtras = message.variants.length > 0;
      onWanted(message.variants);
      return;
    }
    if (message.type === 'welcome') {
      if (timer !== null) clearTimeout(timer);
      welcomed = true;
      isFirst = false;
      line.met();
      streamPath = message.streamPath;
      if (title) current.send(JSON.stringify(title));
    }
    if (welcomed) onState({ state: 'up', listeners: message.listeners, bitrateKbps, streamPath });
  }

  function lost(): void {
    socket = null;
    welcomed = false;
    isFirst = false;
    sendsExtras = false;
    behindSinceMs = null;
    if (timer !== null) clearTimeout(timer);
    if (closed) return;
    onWanted([]);
    const final = refusal !== null && FINAL.has(refusal);
    tellDown(refusal ?? 'unreachable', final);
    if (final) return;
    // A refusal is an answer: the node is there, and asking it again at once is no use.
    const patient = refusal !== null && refusal !== 'shutting-down';
    if (patient) after(REFUSED_RETRY_MS * (0.75 + Math.random() / 2), connect);
    else line.lost();
  }

  function tellDown(reason: RefusalReason | 'unreachable', final: boolean): void {
    onState({
      state: 'down',
      message: reason === 'unreachable' ? UNREACHABLE : WORDS[reason],
      reason,
      final,
    });
  }

  /** It had said that it goes: now it is gone. */
  function tellAway(): void {
    if (refusal === null) return;
    refusal = null;
    tellDown('unreachable', false);
  }

  /** Nothing goes out any more, and the system may take minutes to say so. */
  function giveUp(current: WebSocket): void {
    current.onclose = null;
    current.close();
    lost();
  }

  connect();
  return {
    frames(frames) {
      if (!welcomed || !socket || frames.length === 0) return;
      if (socket.bufferedAmount + frames.length > maxBehindBytes()) {
        behindSinceMs ??= performance.now();
        if (performance.now() - behindSinceMs > STUCK_MS) giveUp(socket);
        return;
      }
      behindSinceMs = null;
      socket.send(frames);
    },
    extra(variant, frames) {
      if (!welcomed || !socket || socket.bufferedAmount + frames.length > MAX_EXTRA_BEHIND_BYTES) return;
      const tagged = new Uint8Array(1 + frames.length);
      tagged[0] = VARIANT_TAGS[variant];
      tagged.set(frames, 1);
      socket.send(tagged);
    },
    title(text, artist) {
      title = {
        type: 'title',
        title: text.slice(0, 500),
        ...(artist ? { artist: artist.slice(0, 500) } : {}),
      };
      if (welcomed) socket?.send(JSON.stringify(title));
    },
    epoch(next) {
      if (next === epoch || closed) return;
      epoch = next;
      isFirst = true;
      line.met();
      const old = socket;
      socket = null;
      old?.close();
      onWanted([]);
      connect();
    },
    close() {
      if (closed) return;
      closed = true;
      line.close();
      if (timer !== null) clearTimeout(timer);
      socket?.close();
      socket = null;
    },
  };
}

function parse(data: unknown): NodeUplinkMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const parsed = v.safeParse(NodeUplinkMessage, JSON.parse(data));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
