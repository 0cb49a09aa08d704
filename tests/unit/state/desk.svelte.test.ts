/** The host's mixing desk: what is turned on it, and what it turns when another device did. */
import { afterEach, expect, test } from 'vitest';
import type { RoomClock } from '../../../app/clock/clock.ts';
import { DEFAULT_MIX, NO_LEVELS } from '../../../app/host/mix.ts';
import type { Mix } from '../../../app/session/schema.ts';
import { Desk } from '../../../app/state/desk.svelte.ts';
import { createKeptStore } from '../../../app/state/kept.ts';
import { Reads } from '../../../app/state/reads.svelte.ts';
import { createPeer, sync } from '../session/peers.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

const clock: RoomClock = {
  nowMs: () => 0,
  toLocalMs: (roomMs) => roomMs,
  estimate: null,
  onChange: () => () => undefined,
};

function open(name: string, own: Partial<Mix> = {}) {
  const peer = createPeer(name, { nowMs: 0 });
  const kept = createKeptStore(null, () => `${name}-device`);
  kept.update({ mix: { ...DEFAULT_MIX, ...own } });
  const reads = new Reads(peer.queries, clock);
  const mixed: Mix[] = [];
  const desk = new Desk({
    kept,
    reads,
    commands: peer.commands,
    maySet: () => true,
    levels: () => NO_LEVELS,
    onMix: (mix) => mixed.push(mix),
    chime: () => undefined,
  });
  for (const one of [peer.queries, reads, desk]) closing.push(() => one.close());
  return { peer, kept, desk, heard: () => mixed.at(-1) };
}

test('L6 what is set on one host is what the next one mixes, whatever its own is', () => {
  const [anna, bo] = [open('anna'), open('bo', { duckDb: 3 })];
  expect(bo.heard()).toEqual({ music: 1, voice: 1, duckDb: 3 });
  anna.desk.setMix({ music: 0.4 });
  sync(anna.peer, bo.peer);
  for (const { desk, heard } of [anna, bo]) {
    expect(heard()).toEqual({ music: 0.4, voice: 1, duckDb: 12 });
    expect(desk.mix).toEqual(heard());
  }
});

test('L6 a device that comes into the room mixes as the room says; its own is for the next room', () => {
  const anna = open('anna');
  anna.desk.setMix({ voice: 0.5, duckDb: 5.6 });
  expect(anna.kept.read().mix).toEqual({ music: 1, voice: 0.5, duckDb: 6 });
  const bo = open('bo', { music: 0.2 });
  sync(anna.peer, bo.peer);
  expect(bo.heard()).toEqual({ music: 1, voice: 0.5, duckDb: 6 });
  expect(bo.kept.read().mix.music).toBe(0.2);
});

test('a fader that is being turned is heard at once, and told to the room once, when it is let go', () => {
  const { desk, heard, peer } = open('anna');
  let told = 0;
  peer.doc.on('afterTransaction', () => told++);
  for (const music of [0.9, 0.8, 0.7, -1]) desk.previewMix({ music });
  expect([heard()?.music, desk.mix.music, told]).toEqual([0, 0, 0]);
  desk.setMix({ music: 0.7 });
  expect([heard()?.music, desk.mix.music, told]).toEqual([0.7, 0.7, 1]);
});
