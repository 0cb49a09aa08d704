/**
 * The node's loudspeakers, as this app sees them: one WebSocket (signaling/protocol/speakers.ts) that comes back by itself. Everybody
 * in the room watches; the host also acts.
 */
import * as v from 'valibot';
import {
  NodeSpeakersMessage,
  SPEAKERS_BEAT_MS,
  type SpeakerDeed,
  type SpeakersHello,
  type SpeakersMessage,
} from '../../signaling/protocol/speakers.ts';
import { PROTOCOL_VERSION } from '../../signaling/protocol/uplink.ts';
import { seenSpeaker, type SeenSpeaker } from './reconcile.ts';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
const WELCOME_MS = 5_000;
const ANSWER_MS = 20_000;
/**
 * So many looks in a row without a word from the node, and it is gone, whatever the system says of the connection. Counted, not
 * timed: a page that stood still looks once when it goes on, and then hears what waited for it.
 */
const SILENT_LOOKS = 5;
const LOOK_MS = SPEAKERS_BEAT_MS / 2;
const OUT_OF_REACH = 'The computer that runs Earshot is out of reach.';

export interface SpeakerLink {
  /** What the node last told; null: it is out of reach, and nothing is known. */
  seen(): readonly SeenSpeaker[] | null;
  onChange(listener: () => void): () => void;
  /** @returns why it was not done, in plain words; null: done */
  act(speakerId: string, deed: SpeakerDeed, claim: { epoch: number; peerId: string }): Promise<string | null>;
  close(): void;
}

export interface SpeakerLinkOptions {
  /** `wss://…/speakers`. */
  url: string;
  roomId: string;
  uplinkKey: string;
  /** Room time. */
  nowMs: () => number;
  /** Calls back in a page that nobody looks at too: it may be the one that hosts. */
  ticker(periodMs: number, onTick: () => void): { close(): void };
}

export function createSpeakerLink(options: SpeakerLinkOptions): SpeakerLink {
  const { url, roomId, uplinkKey, nowMs } = options;
  const listeners = new Set<() => void>();
  const waiting = new Map<number, (error: string | null) => void>();
  let seen: Map<string, SeenSpeaker> | null = null;
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let attempts = 0;
  let silentLooks = 0;
  let actId = 0;
  let closed = false;
  const ticker = options.ticker(LOOK_MS, () => {
    if (socket !== null && ++silentLooks >= SILENT_LOOKS) giveUp(socket);
  });

  function after(ms: number, run: () => void): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(run, ms);
  }

  function tell(): void {
    for (const listener of [...listeners]) listener();
  }

  function connect(): void {
    if (closed) return;
    const current = new WebSocket(url);
    socket = current;
    silentLooks = 0;
    after(WELCOME_MS, () => giveUp(current));
    current.onopen = () => {
      const hello: SpeakersHello = { type: 'hello', protocol: PROTOCOL_VERSION, roomId, uplinkKey };
      current.send(JSON.stringify(hello));
    };
    current.onmessage = ({ data }) => {
      if (socket !== current) return;
      silentLooks = 0;
      const message = parse(data);
      if (message !== null) take(message);
    };
    current.onclose = () => {
      if (socket === current) lost();
    };
  }

  function take(message: NodeSpeakersMessage): void {
    if (message.type === 'acted') {
      waiting.get(message.actId)?.(message.error);
      return;
    }
    if (message.type === 'refused') return;
    if (message.whole && timer !== null) clearTimeout(timer);
    if (message.whole || seen === null) seen = new Map();
    attempts = 0;
    for (const id of message.gone) seen.delete(id);
    for (const speaker of message.speakers) seen.set(speaker.id, seenSpeaker(speaker, nowMs()));
    if (message.whole || message.gone.length > 0 || message.speakers.length > 0) tell();
  }

  /** Closing asks the other side, which may be gone: nobody waits for that. */
  function giveUp(current: WebSocket): void {
    if (socket !== current) return;
    current.close();
    lost();
  }

  function lost(): void {
    socket = null;
    seen = null;
    for (const answer of [...waiting.values()]) answer(OUT_OF_REACH);
    if (closed) return;
    tell();
    const pause = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempts);
    attempts++;
    after(pause * (0.75 + Math.random() / 2), connect);
  }

  connect();
  return {
    seen: () => (seen === null ? null : [...seen.values()]),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    act(speakerId, deed, claim) {
      if (socket?.readyState !== WebSocket.OPEN || seen === null) return Promise.resolve(OUT_OF_REACH);
      const mine = actId++;
      const message: SpeakersMessage = { type: 'act', actId: mine, speakerId, deed, ...claim };
      socket.send(JSON.stringify(message));
      return new Promise((resolve) => {
        const patience = setTimeout(() => answer('The node does not answer.'), ANSWER_MS);
        function answer(error: string | null): void {
          clearTimeout(patience);
          waiting.delete(mine);
          resolve(error);
        }
        waiting.set(mine, answer);
      });
    },
    close() {
      if (closed) return;
      closed = true;
      ticker.close();
      if (timer !== null) clearTimeout(timer);
      socket?.close();
      lost();
      listeners.clear();
    },
  };
}

function parse(data: unknown): NodeSpeakersMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const parsed = v.safeParse(NodeSpeakersMessage, JSON.parse(data));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
