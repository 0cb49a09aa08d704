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
/** What it refuses is said again after twice as long each time, at most so long. */
const LONGEST_PAUSE_MS = 60_000;

interface Said {
  speakerId: string;
  /** What, and for which switching on or off. */
  wish: string;
  /** It is not said again before; Infinity: it has not been answered yet. */
  untilMs: number;
  /** In a row, of the same. */
  refusals: number;
}

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
  /** By speaker and kind of deed. */
  const said = new Map<string, Said>();
  let isLooking = false;
  let closed = false;

  async function act(
    speakerId: string,
    deed: SpeakerDeed,
    claim: { epoch: number; peerId: string },
  ): Promise<void> {
    const key = `${speakerId}/${deed.do}`;
    // Whoever switches it off and on again wants it tried anew.
    const wish = JSON.stringify([deed, queries.speakers().get(speakerId)?.onAt]);
    const before = said.get(key);
    const isSame = before?.wish === wish;
    if (before !== undefined && before.untilMs > nowMs() && (isSame || before.untilMs === Infinity)) return;
    said.set(key, { speakerId, wish, untilMs: Infinity, refusals: 0 });
    const error = await link.act(speakerId, deed, claim);
    // When one that does not play is asked again, `reconcile.ts` says.
    const isRefused = error !== null && deed.do !== 'play';
    const refusals = isRefused ? (isSame ? before.refusals : 0) + 1 : 0;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, SETTLE_MS * 2 ** Math.max(0, refusals - 1));
    said.set(key, { speakerId, wish, untilMs: nowMs() + pauseMs, refusals });
    look();
  }

  /** One that comes back, or that somebody else has hosted meanwhile, is another one: what it refused before says nothing. */
  function forget(isThere: (speakerId: string) => boolean): void {
    for (const [key, { speakerId, untilMs }] of said)
      if (untilMs !== Infinity && !isThere(speakerId)) said.delete(key);
  }

  function look(): void {
    const claim = options.claim();
    const seen = link.seen();
    // Following writes to the document, whose observers come back here.
    if (closed || isLooking) return;
    if (claim === null || seen === null) return forget(() => false);
    forget((speakerId) => seen.some(({ id }) => id === speakerId));
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
