/**
 * One voice each way inside an authenticated connection. The audio track is added to the RTCPeerConnection that PeerJS
 * made, and renegotiated over its control channel (perfect negotiation, W3C WebRTC 1.0 §10.7): so nobody can call who is
 * not let in already, and talking goes on with the node gone. After the first time a voice starts and stops by
 * `replaceTrack`, without another negotiation.
 */
import * as v from 'valibot';
import { askForPackets } from './packets.ts';

const Description = v.object({
  type: v.picklist(['offer', 'answer', 'pranswer', 'rollback']),
  sdp: v.optional(v.pipe(v.string(), v.maxLength(100_000))),
});
const Signal = v.variant('kind', [
  v.object({ kind: v.literal('description'), description: Description }),
  v.object({
    kind: v.literal('candidate'),
    candidate: v.object({
      candidate: v.pipe(v.string(), v.maxLength(2_000)),
      sdpMid: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(64)))),
      sdpMLineIndex: v.optional(v.nullable(v.number())),
      usernameFragment: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(256)))),
    }),
  }),
  v.object({ kind: v.literal('voice'), on: v.boolean() }),
]);
type Signal = v.InferOutput<typeof Signal>;

export interface VoiceOptions {
  connection: RTCPeerConnection;
  /** The side that gives way when both offer at once. */
  polite: boolean;
  /** How much sound the other side is to send in one packet, as asked when a way for it is agreed on; null: the usual. */
  packetMs(): number | null;
  sendSignal(json: string): void;
  onVoice(stream: MediaStream | null): void;
}

export interface Voice {
  /** Null ends it. */
  setStream(stream: MediaStream | null): void;
  receive(json: string): void;
  close(): void;
}

function parseSignal(json: string): Signal | null {
  try {
    const parsed = v.safeParse(Signal, JSON.parse(json));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export function createVoice(options: VoiceOptions): Voice {
  const { connection, polite, sendSignal, onVoice } = options;
  const abort = new AbortController();
  let transceiver: RTCRtpTransceiver | null = null;
  let wanted: MediaStreamTrack | null = null;
  let announced = false;
  let applying: Promise<void> = Promise.resolve();
  let makingOffer = false;
  let ignoreOffer = false;
  let applyingAnswer = false;
  let incoming: MediaStream | null = null;
  let remoteOn = false;
  let heard = false;

  const signal = (message: Signal) => {
    if (!abort.signal.aborted) sendSignal(JSON.stringify(message));
  };

  function report(): void {
    const now = remoteOn && incoming !== null && !abort.signal.aborted;
    if (now === heard) return;
    heard = now;
    onVoice(now ? incoming : null);
  }

  /** An offer or an answer, as the connection's state has it. */
  async function describe(): Promise<void> {
    await connection.setLocalDescription();
    const { localDescription } = connection;
    if (!localDescription) return;
    const { type, sdp } = localDescription;
    const packetMs = options.packetMs();
    signal({
      kind: 'description',
      description: { type, sdp: packetMs === null ? sdp : askForPackets(sdp, packetMs) },
    });
  }

  async function offer(): Promise<void> {
    makingOffer = true;
    try {
      await describe();
    } finally {
      makingOffer = false;
    }
  }

  async function apply(): Promise<void> {
    if (abort.signal.aborted) return;
    const track = wanted;
    if (transceiver) await transceiver.sender.replaceTrack(track);
    else if (track) transceiver = connection.addTransceiver(track, { direction: 'sendonly' });
    const on = track !== null;
    if (on !== announced) {
      announced = on;
      signal({ kind: 'voice', on });
    }
  }

  async function receiveDescription(description: v.InferOutput<typeof Description>): Promise<void> {
    // An answer that is being applied leads to `stable`: an offer right behind it is no collision, and ignoring it would
    // lose that side's voice for good.
    const ready = !makingOffer && (connection.signalingState === 'stable' || applyingAnswer);
    ignoreOffer = !polite && description.type === 'offer' && !ready;
    if (ignoreOffer) return;
    applyingAnswer = description.type === 'answer';
    try {
      await connection.setRemoteDescription({ type: description.type, sdp: description.sdp ?? '' });
    } finally {
      applyingAnswer = false;
    }
    if (description.type === 'offer') await describe();
  }

  async function receiveSignal(message: Signal): Promise<void> {
    if (message.kind === 'voice') {
      remoteOn = message.on;
      report();
    } else if (message.kind === 'description') {
      await receiveDescription(message.description);
    } else if (!ignoreOffer) {
      const { candidate, sdpMid = null, sdpMLineIndex = null, usernameFragment = null } = message.candidate;
      await connection.addIceCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment });
    }
  }

  // A connection that closes in mid-negotiation rejects what is under way; its owner is told by the channels.
  const settle = (work: Promise<void>) => work.catch(() => {});

  connection.addEventListener('negotiationneeded', () => void settle(offer()), { signal: abort.signal });
  connection.addEventListener(
    'icecandidate',
    ({ candidate }) => {
      if (!candidate?.candidate) return;
      const { candidate: line, sdpMid, sdpMLineIndex, usernameFragment } = candidate;
      signal({ kind: 'candidate', candidate: { candidate: line, sdpMid, sdpMLineIndex, usernameFragment } });
    },
    { signal: abort.signal },
  );
  connection.addEventListener(
    'track',
    ({ track }) => {
      if (track.kind !== 'audio' || incoming !== null) return;
      incoming = new MediaStream([track]);
      report();
    },
    { signal: abort.signal },
  );

  return {
    setStream(stream) {
      wanted = stream?.getAudioTracks()[0] ?? null;
      applying = settle(applying.then(apply));
    },
    receive(json) {
      const message = parseSignal(json);
      if (message) void settle(receiveSignal(message));
    },
    close() {
      if (abort.signal.aborted) return;
      abort.abort();
      report();
    },
  };
}
