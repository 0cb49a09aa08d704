import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { reconcile, seenSpeaker, type SeenSpeaker } from '../../../app/host/reconcile.ts';
import type { WantedSpeaker } from '../../../app/session/schema.ts';
import type { ObservedSpeaker } from '../../../signaling/protocol/speakers.ts';

const NOW = 1_000_000;
const ID = 'dlna:kitchen';

function observed(changes: Partial<ObservedSpeaker> = {}): ObservedSpeaker {
  return {
    id: ID,
    kind: 'dlna',
    name: 'Kitchen',
    model: null,
    area: null,
    group: null,
    ensemble: null,
    members: [],
    needsInternet: false,
    can: { volume: true, mute: true, delay: true, announce: false },
    state: 'idle',
    plays: null,
    title: null,
    volume: 0.4,
    muted: false,
    delayMs: 0,
    error: null,
    failures: 0,
    ages: { state: 60_000, found: 60_000, asked: null, buffering: null, playing: null, failed: null },
    byHand: { on: null, volume: null, muted: null },
    ...changes,
  };
}

const PLAYS = { state: 'playing', plays: 'room' } as const;

function wish(changes: Partial<WantedSpeaker> = {}): WantedSpeaker {
  const given = {
    on: true,
    onAt: NOW - 30_000,
    volume: null,
    volumeAt: 0,
    muted: null,
    mutedAt: 0,
    delayMs: null,
  };
  return { ...given, name: 'Kitchen', by: 'anna', ...changes };
}

function decide(speaker: ObservedSpeaker, wanted: WantedSpeaker | null, nowMs = NOW) {
  const map = new Map(wanted === null ? [] : [[ID, wanted]]);
  const seen = seenSpeaker(speaker, NOW);
  const { acts, follows } = reconcile(map, [seen], nowMs, 'The room');
  return {
    deeds: acts.map(({ deed }) => deed),
    follow: follows.map(({ speakerId: _, ...rest }) => rest),
  };
}

const PLAY = { do: 'play', title: 'The room' };
const NOTHING = { deeds: [], follow: [] };

describe('what the host does about loudspeakers', () => {
  test('R1 one that should play and does not is told to; one that should not and does is stopped', () => {
    expect(decide(observed(), wish())).toEqual({ deeds: [PLAY], follow: [] });
    expect(decide(observed({ state: 'stopped', plays: 'room' }), wish())).toEqual({
      deeds: [PLAY],
      follow: [],
    });
    expect(decide(observed(PLAYS), wish({ on: false }))).toEqual({ deeds: [{ do: 'stop' }], follow: [] });
    expect(decide(observed(), wish({ on: false }))).toEqual(NOTHING);
  });

  test('R2 one that does what is wanted is left alone, whoever hosts: nothing is remembered', () => {
    for (const state of ['starting', 'buffering', 'playing'] as const)
      expect(decide(observed({ ...PLAYS, state }), wish())).toEqual(NOTHING);
  });

  test('R3 one of which nothing was ever wanted is left alone', () => {
    expect(decide(observed(), null)).toEqual(NOTHING);
    expect(decide(observed({ state: 'playing', plays: 'other' }), null)).toEqual(NOTHING);
  });

  test('R4 after a refusal it is tried again in 1 s, then 3 s, then once a minute; at once when switched on anew', () => {
    const refused = (failures: number) =>
      observed({ state: 'error', failures, ages: { ...observed().ages, failed: 0 } });
    const pauseOf = (failures: number): number => {
      for (let ms = 0; ms <= 120_000; ms += 250)
        if (decide(refused(failures), wish(), NOW + ms).deeds.length > 0) return ms;
      return Infinity;
    };
    expect([1, 2, 3, 4, 50].map(pauseOf)).toEqual([1_000, 3_000, 60_000, 60_000, 60_000]);
    expect(decide(refused(9), wish({ onAt: NOW + 1 })).deeds).toEqual([PLAY]);
  });

  test('R5 what was stopped or taken at the device later than it was wanted is followed, not fought', () => {
    const byHand = { on: { on: false, age: 2_000 }, volume: null, muted: null };
    const off = { deeds: [], follow: [{ on: false }] };
    expect(decide(observed({ state: 'stopped', plays: 'room', byHand }), wish())).toEqual(off);
    expect(decide(observed({ state: 'playing', plays: 'other', byHand }), wish())).toEqual(off);
    const later = wish({ onAt: NOW - 1_000 });
    expect(decide(observed({ state: 'stopped', plays: 'room', byHand }), later).deeds).toEqual([PLAY]);
    const began = { ...observed().ages, state: 5_000 };
    expect(decide(observed({ state: 'playing', plays: 'other', ages: began }), wish())).toEqual(off);
    // It was there before somebody chose the room.
    expect(decide(observed({ state: 'playing', plays: 'other' }), wish()).deeds).toEqual([PLAY]);
  });

  test('R6 what was started at the device is followed, too', () => {
    const byHand = { on: { on: true, age: 2_000 }, volume: null, muted: null };
    const on = { deeds: [], follow: [{ on: true }] };
    expect(decide(observed({ ...PLAYS, byHand }), wish({ on: false }))).toEqual(on);
    expect(decide(observed(PLAYS), null)).toEqual(on);
  });

  test('R7 volume, mute and delay are set while it is on, before it plays; never set, they stay the device’s own', () => {
    const wanted = wish({
      volume: 0.2,
      volumeAt: NOW - 9_000,
      muted: true,
      mutedAt: NOW - 9_000,
      delayMs: 150,
    });
    const all = [
      { do: 'mute', muted: true },
      { do: 'volume', volume: 0.2 },
      { do: 'delay', delayMs: 150 },
    ];
    expect(decide(observed(), wanted).deeds).toEqual([...all, PLAY]);
    expect(decide(observed(PLAYS), wanted).deeds).toEqual(all);
    expect(decide(observed(), { ...wanted, on: false }).deeds).toEqual([]);
    expect(decide(observed({ ...PLAYS, volume: 0.205, muted: true, delayMs: 150 }), wanted)).toEqual(NOTHING);
    const can = { volume: false, mute: false, delay: false, announce: false };
    expect(decide(observed({ ...PLAYS, can }), wanted)).toEqual(NOTHING);
  });

  test('R7 one that is mute because it is at volume 0 is told so neither way; turned up, it is heard', () => {
    const silent = observed({ ...PLAYS, volume: 0, muted: true });
    const wanted = wish({ volume: 0, volumeAt: NOW - 9_000, muted: false, mutedAt: NOW - 9_000 });
    expect(decide(silent, wanted)).toEqual(NOTHING);
    expect(decide(silent, { ...wanted, volume: 0.2 }).deeds).toEqual([
      { do: 'volume', volume: 0.2 },
      { do: 'mute', muted: false },
    ]);
    expect(decide(observed({ ...PLAYS, volume: 0, muted: false }), { ...wanted, muted: true }).deeds).toEqual(
      [{ do: 'mute', muted: true }],
    );
  });

  test('R8 a knob that was turned, or a mute button pressed, later than it was wanted, is followed', () => {
    const byHand = { on: null, volume: { age: 1_000 }, muted: null };
    const turned = observed({ ...PLAYS, volume: 0.8, byHand });
    expect(decide(turned, wish({ volume: 0.2, volumeAt: NOW - 9_000 }))).toEqual({
      deeds: [],
      follow: [{ volume: 0.8 }],
    });
    const later = wish({ volume: 0.2, volumeAt: NOW - 500 });
    expect(decide(turned, later)).toEqual({ deeds: [{ do: 'volume', volume: 0.2 }], follow: [] });

    const pressed = observed({
      ...PLAYS,
      muted: true,
      byHand: { on: null, volume: null, muted: { age: 1_000 } },
    });
    const loud = { muted: false, mutedAt: NOW - 9_000 };
    expect(decide(pressed, wish(loud))).toEqual({ deeds: [], follow: [{ muted: true }] });
    const since = wish({ ...loud, mutedAt: NOW - 500 });
    expect(decide(pressed, since)).toEqual({ deeds: [{ do: 'mute', muted: false }], follow: [] });
    // Nobody ever said here how it is to be: it stays as it is.
    expect(decide(pressed, wish())).toEqual(NOTHING);
  });

  test('R9 one that is not seen is not spoken to, and plays when it is seen again', () => {
    const wanted = new Map([[ID, wish({ volume: 0.3, volumeAt: NOW - 9_000 })]]);
    expect(reconcile(wanted, [], NOW, '')).toEqual({ acts: [], follows: [] });
    const back = observed({ ages: { ...observed().ages, state: 0, found: 0 } });
    expect(decide(back, wish()).deeds).toEqual([PLAY]);
  });

  test('R12 of those that play as one, what was last wanted of any counts for all', () => {
    const ensemble = { id: 'x', isOne: true };
    const decideBoth = (kitchen: WantedSpeaker | null, bath: WantedSpeaker | null, isOne = true) => {
      const seen = ['a', 'b'].map((id) =>
        seenSpeaker(
          observed({ ...PLAYS, id: `sonos:${id}`, kind: 'sonos', ensemble: { ...ensemble, isOne } }),
          NOW,
        ),
      );
      const wishes = [kitchen, bath].flatMap((one, at): [string, WantedSpeaker][] =>
        one === null ? [] : [[seen[at]!.id, one]],
      );
      const { acts, follows } = reconcile(new Map(wishes), seen, NOW, '');
      return [acts.map(({ speakerId, deed }) => [speakerId, deed.do]), follows];
    };
    const on = wish({ onAt: NOW - 10_000 });
    const earlier = wish({ on: false, onAt: NOW - 50_000 });
    expect(decideBoth(on, earlier)).toEqual([[], [{ speakerId: 'sonos:b', on: true }]]);
    const later = wish({ on: false, onAt: NOW - 1_000 });
    expect(decideBoth(on, later)).toEqual([[['sonos:b', 'stop']], [{ speakerId: 'sonos:a', on: false }]]);
    expect(decideBoth(on, on)).toEqual([[], []]);
    expect(decideBoth(on, earlier, false)).toEqual([[['sonos:b', 'stop']], []]);
  });

  const share = fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100);
  const age = fc.integer({ min: 0, max: 90_000 });
  const anySpeaker: fc.Arbitrary<ObservedSpeaker> = fc
    .record({
      state: fc.constantFrom('idle', 'starting', 'buffering', 'playing', 'stopped', 'error' as const),
      plays: fc.constantFrom('room', 'other', null),
      volume: fc.option(share),
      delayMs: fc.option(fc.integer({ min: 0, max: 2_000 })),
      failures: fc.integer({ min: 0, max: 5 }),
      failed: fc.option(age),
      since: age,
      handOn: fc.option(fc.record({ on: fc.boolean(), age })),
      handVolume: fc.option(fc.record({ age })),
      muted: fc.option(fc.boolean()),
      handMuted: fc.option(fc.record({ age })),
    })
    .map(({ failed, since, handOn, handVolume, handMuted, ...rest }) =>
      observed({
        ...(rest as Partial<ObservedSpeaker>),
        ages: { ...observed().ages, state: since, failed },
        byHand: { on: handOn, volume: handVolume, muted: handMuted },
      }),
    );
  const anyWish: fc.Arbitrary<WantedSpeaker> = fc
    .record({
      on: fc.boolean(),
      onAge: age,
      volume: fc.option(share),
      volumeAge: age,
      muted: fc.option(fc.boolean()),
      mutedAge: age,
      delayMs: fc.option(fc.integer({ min: 0, max: 2_000 })),
    })
    .map(({ onAge, volumeAge, mutedAge, ...rest }) =>
      wish({ ...rest, onAt: NOW - onAge, volumeAt: NOW - volumeAge, mutedAt: NOW - mutedAge }),
    );

  /** What the document says after the follow, and what the device is after the deeds. */
  function carryOut(speaker: SeenSpeaker, wanted: WantedSpeaker | null, atMs: number) {
    const map = new Map(wanted === null ? [] : [[ID, wanted]]);
    const { acts, follows } = reconcile(map, [speaker], atMs, 'The room');
    let next = wanted;
    for (const { on, volume, muted } of follows) {
      next = {
        ...(next ?? wish({ on: false, onAt: 0 })),
        ...(on === undefined ? {} : { on, onAt: atMs }),
        ...(volume === undefined ? {} : { volume, volumeAt: atMs }),
        ...(muted === undefined ? {} : { muted, mutedAt: atMs }),
      };
    }
    const after = { ...speaker };
    for (const { deed } of acts) {
      if (deed.do === 'play') Object.assign(after, { ...PLAYS, failures: 0, error: null });
      if (deed.do === 'stop') after.state = 'stopped';
      if (deed.do === 'volume') after.volume = deed.volume;
      if (deed.do === 'mute') after.muted = deed.muted;
      if (deed.do === 'delay') after.delayMs = deed.delayMs;
    }
    return { acts, follows, next, after };
  }

  test('R10 it comes to rest: within two rounds everything is as wanted, and nothing more is said', () => {
    fc.assert(
      fc.property(anySpeaker, fc.option(anyWish), (speaker, wanted) => {
        let state = carryOut(seenSpeaker(speaker, NOW), wanted, NOW + 70_000);
        state = carryOut(state.after, state.next, NOW + 140_000);
        state = carryOut(state.after, state.next, NOW + 210_000);
        expect([state.acts, state.follows]).toEqual([[], []]);
        const { after, next } = state;
        if (next === null || after.state === 'starting') return;
        const sounds = ['starting', 'buffering', 'playing'].includes(after.state) && after.plays === 'room';
        expect(sounds).toBe(next.on);
        // Many are mute at volume 0, whatever they are told.
        const isSilent = after.muted === true && after.volume !== null && after.volume < 0.0055;
        if (next.on && after.muted !== null && next.muted !== null && !isSilent)
          expect(after.muted).toBe(next.muted);
      }),
      { numRuns: 2_000 },
    );
  });

  test('R11 two hosts that know the same say the same, however speakers are listed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anySpeaker, fc.option(anyWish)), { maxLength: 6 }), (pairs) => {
        const seen = pairs.map(([speaker], at) => ({ ...seenSpeaker(speaker, NOW), id: `dlna:${at}` }));
        const wanted = new Map(
          pairs.flatMap(([, one], at): [string, WantedSpeaker][] =>
            one === null ? [] : [[`dlna:${at}`, one]],
          ),
        );
        const sorted = (list: readonly { speakerId: string }[]) =>
          [...list].sort((a, b) => (a.speakerId < b.speakerId ? -1 : a.speakerId > b.speakerId ? 1 : 0));
        const one = reconcile(wanted, seen, NOW, 'x');
        const other = reconcile(wanted, [...seen].reverse(), NOW, 'x');
        expect(sorted(other.acts)).toEqual(sorted(one.acts));
        expect(sorted(other.follows)).toEqual(sorted(one.follows));
      }),
    );
  });
});
