/** What the screen asks of loudspeakers, as it comes into the document. */
import { afterEach, expect, test } from 'vitest';
import * as Y from 'yjs';
import { seenSpeaker } from '../../../app/host/reconcile.ts';
import { createCommands } from '../../../app/session/commands.ts';
import { createQueries } from '../../../app/session/queries.ts';
import { Speakers } from '../../../app/state/speakers.svelte.ts';
import type { ObservedSpeaker } from '../../../signaling/protocol/speakers.ts';

const NOW = 1_000_000;
const KITCHEN: ObservedSpeaker = {
  ...{ id: 'sonos:kitchen', kind: 'sonos', name: 'Kitchen', model: null, area: null, group: null },
  ...{
    ensemble: null,
    needsInternet: false,
    state: 'idle',
    plays: null,
    title: null,
    volume: 0.4,
    muted: true,
  },
  can: { volume: true, mute: true, delay: false, announce: true },
  ...{ delayMs: null, error: null, failures: 0, byHand: { on: null, volume: null, muted: null } },
  ages: { state: 0, found: 0, asked: null, buffering: null, playing: null, failed: null },
};

let speakers: Speakers | null = null;
afterEach(() => speakers?.close());

function open(observed: readonly ObservedSpeaker[]) {
  const doc = new Y.Doc();
  const queries = createQueries(doc);
  const commands = createCommands({
    ...{ doc, queries, actor: { memberId: 'anna' }, nowMs: () => NOW },
    ...{ newId: () => 'id', random: () => 0.5 },
  });
  const seen = observed.map((one) => seenSpeaker(one, NOW));
  const tell = new Set<() => void>();
  speakers = new Speakers({
    reads: {
      get speakers() {
        return queries.speakers();
      },
    },
    commands,
    people: { me: { role: 'dj' } },
    host: { host: null },
    link: {
      seen: () => seen,
      onChange(listener) {
        tell.add(listener);
        return () => void tell.delete(listener);
      },
      act: () => Promise.resolve(null),
      close: () => undefined,
    },
    nowMs: () => NOW,
  });
  return { speakers, wanted: (id = KITCHEN.id) => queries.speakers().get(id) };
}

test('who switches one on that is mute, or turns it, wants to hear it', () => {
  const { speakers: model, wanted } = open([KITCHEN]);
  model.setOn([KITCHEN.id], true);
  expect(wanted()).toMatchObject({ on: true, muted: false, volume: null });
  const other = open([KITCHEN]);
  other.speakers.setVolumes(new Map([[KITCHEN.id, 0.2]]));
  expect(other.wanted()).toMatchObject({ on: false, muted: false, volume: 0.2 });
});

test('one that is heard, or is switched off, keeps what was wanted of its sound', () => {
  const { speakers: model, wanted } = open([{ ...KITCHEN, muted: false }]);
  model.setOn([KITCHEN.id], true);
  expect(wanted()).toMatchObject({ on: true, muted: null });
  model.setMuted([KITCHEN.id], true);
  model.setOn([KITCHEN.id], false);
  expect(wanted()).toMatchObject({ on: false, muted: true });
});

test('what cannot be muted is never told to be', () => {
  const can = { ...KITCHEN.can, mute: false };
  const { speakers: model, wanted } = open([{ ...KITCHEN, can }]);
  expect(model.list[0]).toMatchObject({ canMute: false, canSay: true });
  model.setAll(true);
  expect(wanted()).toMatchObject({ on: true, muted: null });
});
