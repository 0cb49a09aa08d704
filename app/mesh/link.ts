/**
 * One connection to one peer: three data channels of our own on the RTCPeerConnection that PeerJS made (its own
 * channel can be ordered or not, never three kinds at once), the mutual proof of the secret, keepalive and voice.
 *
 * Control messages carry one byte in front; the other channels carry the app's bytes as they are.
 */
import {
  type Role,
  type Transcript,
  NONCE_BYTES,
  PROOF_BYTES,
  fingerprintOf,
  prove,
  verify,
} from './handshake.ts';
import { type Path, readPath } from './path.ts';
import { type SendQueue, createSendQueue } from './send-queue.ts';
import { type ChannelName, type PeerId, MAX_MESSAGE_BYTES, PeerUnreachableError } from './transport.ts';
import { type Voice, createVoice } from './voice.ts';

const KIND_APP = 0;
const KIND_HELLO = 1;
const KIND_PROOF = 2;
const KIND_ACCEPTED = 3;
const KIND_PING = 4;
const KIND_PONG = 5;
const KIND_VOICE = 6;
const KIND_BYE = 7;
/** Messages of the mesh itself: room-wire.ts. */
const KIND_ROOM = 8;
/** A ping that wants a pong. The others want none: both sides ping, and that is sign of life enough. */
const KIND_PROBE = 9;

const KIND_OFFSET = 0;
const BODY_OFFSET = 1;

const UNPROVEN_DEADLINE_MS = 5_000;
/** ICE may move to a better pair at any time. */
const READ_PATH_MS = 10_000;
const READ_AGAIN_MS = 250;
const PROBE_MS = 5_000;
/** Far from PeerJS's own stream id, which is 0 or 1. */
const CHANNEL_IDS: Record<ChannelName, number> = { control: 101, bytes: 102, clock: 103 };
/** Enough to fill a LAN between two events; small enough that a keepalive behind it is never late. */
const HIGH_WATER_BYTES: Record<ChannelName, number> = {
  control: 256 * 1024,
  bytes: 1024 * 1024,
  clock: 16 * 1024,
};
const CHANNEL_NAMES: readonly ChannelName[] = ['control', 'bytes', 'clock'];

export interface LinkOptions {
  connection: RTCPeerConnection;
  selfId: PeerId;
  peerId: PeerId;
  role: Role;
  key: CryptoKey;
  nowMs(): number;
  /** Both sides have proven themselves and `send` works. */
  onOpen(): void;
  /** A message came, whatever it is; before it is looked at. */
  onHeard(): void;
  onMessage(channel: ChannelName, message: Uint8Array<ArrayBuffer>, receivedAtMs: number): void;
  /** A message of the mesh itself; valid during the call only. */
  onRoomMessage(message: Uint8Array): void;
  /** The other side's keepalive came, with this note. */
  onPing(note: Uint8Array): void;
  onVoice(stream: MediaStream | null): void;
  /** See voice.ts. */
  voicePacketMs(): number | null;
  /** Once, whatever the reason; `left`: the peer said goodbye. */
  onClose(left: boolean): void;
}

export interface Link {
  readonly peerId: PeerId;
  readonly isOpen: boolean;
  /** Local time of the last sign of life. */
  readonly heardAtMs: number;
  /** As last measured; each reading has it measured again, unless that was just now. */
  path(): Path;
  /** Of the last keepalive; null before the first answer. */
  readonly roundTripMs: number | null;
  send(channel: ChannelName, message: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Like `send` on `control`, under a kind of its own. */
  sendRoomMessage(message: Uint8Array<ArrayBuffer>): Promise<void>;
  setVoice(stream: MediaStream | null): void;
  /** @param note arrives at the other side's `onPing` */
  ping(note: Uint8Array): void;
  /** Tells the peer that this one leaves for good. */
  bye(): void;
  close(): void;
}

function frame(kind: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(BODY_OFFSET + body.length);
  out[KIND_OFFSET] = kind;
  out.set(body, BODY_OFFSET);
  return out;
}

export function createLink(options: LinkOptions): Link {
  const { connection, selfId, peerId, role, key, nowMs } = options;
  const isDialer = role === 'dialer';
  const channels = {} as Record<ChannelName, RTCDataChannel>;
  const queues = {} as Record<ChannelName, SendQueue>;
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  let voice: Voice | null = null;
  let transcript: Transcript | null = null;
  let stage: 'opening' | 'proving' | 'verified' | 'open' | 'closed' = 'opening';
  let heardAtMs = nowMs();
  let path: Path = 'unknown';
  let pathReadAtMs = -Infinity;
  let probedAtMs = -Infinity;
  let isProbing = false;
  let roundTripMs: number | null = null;
  const deadline = setTimeout(() => {
    if (stage !== 'open') close();
  }, UNPROVEN_DEADLINE_MS * 2);
  let provingDeadline: ReturnType<typeof setTimeout> | undefined;

  for (const name of CHANNEL_NAMES) {
    const channel = connection.createDataChannel(name, {
      negotiated: true,
      id: CHANNEL_IDS[name],
      ...(name === 'clock' ? { ordered: false, maxRetransmits: 0 } : {}),
    });
    channel.binaryType = 'arraybuffer';
    channel.onopen = startProving;
    channel.onclose = () => close();
    channel.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) receive(name, new Uint8Array(data));
      else close();
    };
    channels[name] = channel;
    queues[name] = createSendQueue(channel, HIGH_WATER_BYTES[name]);
  }

  function control(kind: number, body: Uint8Array = new Uint8Array(0)): void {
    queues.control.send(frame(kind, body)).catch(() => {});
  }

  function startProving(): void {
    if (stage !== 'opening' || CHANNEL_NAMES.some((name) => channels[name].readyState !== 'open')) return;
    stage = 'proving';
    provingDeadline = setTimeout(() => {
      if (stage !== 'open') close();
    }, UNPROVEN_DEADLINE_MS);
    control(KIND_HELLO, nonce);
    if (earlyNonce !== null) void receiveHello(earlyNonce);
  }

  /** The peer's channels were all open before ours. */
  let earlyNonce: Uint8Array<ArrayBuffer> | null = null;

  async function receiveHello(theirNonce: Uint8Array<ArrayBuffer>): Promise<void> {
    if (stage === 'opening') {
      earlyNonce = theirNonce;
      return;
    }
    const mine = fingerprintOf(connection.localDescription?.sdp);
    const theirs = fingerprintOf(connection.remoteDescription?.sdp);
    if (transcript !== null || theirNonce.length !== NONCE_BYTES || mine === null || theirs === null)
      return close();
    transcript = {
      dialerId: isDialer ? selfId : peerId,
      answererId: isDialer ? peerId : selfId,
      dialerNonce: isDialer ? nonce : theirNonce,
      answererNonce: isDialer ? theirNonce : nonce,
      dialerFingerprint: isDialer ? mine : theirs,
      answererFingerprint: isDialer ? theirs : mine,
    };
    control(KIND_PROOF, await prove(key, role, transcript));
  }

  async function receiveProof(proof: Uint8Array<ArrayBuffer>): Promise<void> {
    if (stage !== 'proving' || transcript === null || proof.length !== PROOF_BYTES) return close();
    const ok = await verify(key, isDialer ? 'answerer' : 'dialer', transcript, proof);
    if (stage !== 'proving') return;
    if (!ok) return close();
    stage = 'verified';
    control(KIND_ACCEPTED);
    if (acceptedByPeer) open();
  }

  /** The peer has verified us: from here on it takes what we send. May come before we have verified the peer. */
  let acceptedByPeer = false;

  function open(): void {
    if (stage !== 'verified') return;
    stage = 'open';
    clearTimeout(deadline);
    clearTimeout(provingDeadline);
    voice = createVoice({
      connection,
      polite: !isDialer,
      packetMs: () => options.voicePacketMs(),
      sendSignal: (json) => control(KIND_VOICE, new TextEncoder().encode(json)),
      onVoice: options.onVoice,
    });
    options.onOpen();
  }

  function lookAtPath(): void {
    // A browser gathers hundreds of numbers for this: not for everybody, and not all the time.
    if (nowMs() - pathReadAtMs < (path === 'unknown' ? READ_AGAIN_MS : READ_PATH_MS)) return;
    pathReadAtMs = nowMs();
    void readPath(connection).then((read) => (path = read));
  }

  function receive(channel: ChannelName, message: Uint8Array<ArrayBuffer>): void {
    const receivedAtMs = nowMs();
    heardAtMs = receivedAtMs;
    options.onHeard();
    if (channel === 'control') return receiveControl(message, receivedAtMs);
    // The peer sends on these only after it accepted us, and that word may still be on its way on another channel.
    if (stage === 'verified') open();
    if (stage !== 'open') return close();
    if (message.length <= MAX_MESSAGE_BYTES) options.onMessage(channel, message, receivedAtMs);
  }

  function receiveControl(message: Uint8Array<ArrayBuffer>, receivedAtMs: number): void {
    const kind = message[KIND_OFFSET];
    const body = message.subarray(BODY_OFFSET);
    if (kind === KIND_HELLO) return void receiveHello(body.slice());
    if (kind === KIND_PROOF) return void receiveProof(body.slice());
    if (kind === KIND_ACCEPTED) {
      acceptedByPeer = true;
      return open();
    }
    if (stage !== 'open') return close();
    if (kind === KIND_APP) {
      if (body.length <= MAX_MESSAGE_BYTES) options.onMessage('control', body.slice(), receivedAtMs);
    } else if (kind === KIND_ROOM) options.onRoomMessage(body);
    else if (kind === KIND_PING || kind === KIND_PROBE) {
      if (kind === KIND_PROBE) control(KIND_PONG);
      options.onPing(body);
    } else if (kind === KIND_PONG) {
      if (isProbing) roundTripMs = receivedAtMs - probedAtMs;
      isProbing = false;
    } else if (kind === KIND_VOICE) voice?.receive(new TextDecoder().decode(body));
    else if (kind === KIND_BYE) close(true);
  }

  function close(left = false): void {
    if (stage === 'closed') return;
    stage = 'closed';
    clearTimeout(deadline);
    clearTimeout(provingDeadline);
    for (const name of CHANNEL_NAMES) {
      queues[name].close();
      channels[name].onopen = channels[name].onclose = channels[name].onmessage = null;
    }
    voice?.close();
    options.onClose(left);
  }

  return {
    peerId,
    get isOpen() {
      return stage === 'open';
    },
    get heardAtMs() {
      return heardAtMs;
    },
    path() {
      lookAtPath();
      return path;
    },
    get roundTripMs() {
      return roundTripMs;
    },
    send(channel, message) {
      if (stage !== 'open') return Promise.reject(new PeerUnreachableError('the peer went away'));
      if (message.length > MAX_MESSAGE_BYTES)
        return Promise.reject(new RangeError('the message is too large'));
      // A probe that waits is worth nothing.
      if (channel === 'clock' && channels.clock.bufferedAmount > HIGH_WATER_BYTES.clock)
        return Promise.resolve();
      return queues[channel].send(channel === 'control' ? frame(KIND_APP, message) : message);
    },
    sendRoomMessage(message) {
      if (stage !== 'open') return Promise.reject(new PeerUnreachableError('the peer went away'));
      return queues.control.send(frame(KIND_ROOM, message));
    },
    setVoice(stream) {
      voice?.setStream(stream);
    },
    ping(note) {
      if (stage !== 'open') return;
      // An answer that is still on its way is waited for: its round trip began with the probe before.
      if (isProbing || nowMs() - probedAtMs < PROBE_MS) return control(KIND_PING, note);
      isProbing = true;
      probedAtMs = nowMs();
      control(KIND_PROBE, note);
    },
    bye() {
      if (stage === 'open') control(KIND_BYE);
    },
    close: () => close(),
  };
}
