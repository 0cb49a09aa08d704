/** The host's hand: brings the loudspeakers to what is wanted, as `reconcile.ts` says, and writes down what was done at them. */
import type { SpeakerDeed } from '../../signaling/protocol/speakers.ts';
import type { Commands } from '../session/commands.ts';
import type { Queries } from '../session/queries.ts';
import { reconcile } from './reconcile.ts';
import type { SpeakerLink } from './speaker-link.ts';

/** For what is due later: retries. */
const LOOK_MS = 1_000;
/** Until what was done can be observed; the same is not said again before. */
const SETTLE_MS = 1_500;

export interface SpeakerKeeperOptions {
  link: SpeakerLink;
  queries: Queries;
  commands: Commands;
  /** This device's claim while it hosts; null: it leaves the speakers alone. */
  claim: () => { epoch: number; peerId: string } | null;
  /** Room time. */
  nowMs: () => number;
}

export interface SpeakerKeeper {
  look(): void;
  close(): void;
}

export function createSpeakerKeeper(options: SpeakerKeeperOptions): SpeakerKeeper {
  const { link, queries, commands, nowMs } = options;
  /** `speakerId/deed` → what was said, and until when it is left to take effect. */
  const said = new Map<string, { deed: string; untilMs: number }>();
  let isLooking = false;
  let closed = false;

  async function act(
    speakerId: string,
    deed: SpeakerDeed,
    claim: { epoch: number; peerId: string },
  ): Promise<void> {
    const key = `${speakerId}/${deed.do}`;
    const text = JSON.stringify(deed);
    const before = said.get(key);
    const isRunning = before !== undefined && before.untilMs > nowMs();
    if (isRunning && (before.deed === text || before.untilMs === Infinity)) return;
    said.set(key, { deed: text, untilMs: Infinity });
    await link.act(speakerId, deed, claim);
    said.set(key, { deed: text, untilMs: nowMs() + SETTLE_MS });
    look();
  }

  function look(): void {
    const claim = options.claim();
    const seen = link.seen();
    // Following writes to the document, whose observers come back here.
    if (closed || isLooking || claim === null || seen === null) return;
    isLooking = true;
    try {
      const title = queries.room().name || 'Earshot';
      const { acts, follows } = reconcile(queries.speakers(), seen, nowMs(), title);
      if (follows.length > 0) {
        const nameOf = (id: string): string => seen.find((one) => one.id === id)?.name ?? id;
        commands.followSpeakers(follows.map((follow) => ({ ...follow, name: nameOf(follow.speakerId) })));
      }
      for (const { speakerId, deed } of acts) void act(speakerId, deed, claim);
    } finally {
      isLooking = false;
    }
  }

  const stops = [
    link.onChange(look),
    queries.onChange((changed) => {
      if (changed.has('speakers')) look();
    }),
  ];
  const timer = setInterval(look, LOOK_MS);
  return {
    look,
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      for (const stop of stops) stop();
    },
  };
}
