import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { createCommands } from '../../../app/session/commands.ts';
import { createQueries } from '../../../app/session/queries.ts';

function room(doc = new Y.Doc(), memberId = 'anna') {
  const queries = createQueries(doc);
  let nowMs = 1_000;
  let ids = 0;
  const commands = createCommands({
    doc,
    queries,
    actor: { memberId },
    nowMs: () => nowMs,
    newId: () => `id${ids++}`,
    random: () => 0.5,
  });
  return { doc, queries, commands, at: (ms: number) => (nowMs = ms) };
}

const KITCHEN = { speakerId: 'dlna:kitchen', name: 'Kitchen' };

describe('what is wanted of loudspeakers', () => {
  test('L1 each wish keeps its own time, and leaves the others as they are', () => {
    const { commands, queries, at } = room();
    expect(commands.wantSpeakers([{ ...KITCHEN, on: true }])).toEqual({ ok: true });
    at(2_000);
    commands.wantSpeakers([{ ...KITCHEN, volume: 0.4, delayMs: 120 }]);
    const wanted = { on: true, onAt: 1_000, volume: 0.4, volumeAt: 2_000, delayMs: 120 };
    const unmuted = { ...wanted, muted: null, mutedAt: 0, name: 'Kitchen', by: 'anna' };
    expect(queries.speakers().get(KITCHEN.speakerId)).toEqual(unmuted);
    at(3_000);
    commands.wantSpeakers([{ ...KITCHEN, muted: true }]);
    const muted = { ...unmuted, muted: true, mutedAt: 3_000 };
    expect(queries.speakers().get(KITCHEN.speakerId)).toEqual(muted);
  });

  test('L2 several at once are one transaction; one that is out of bounds refuses all', () => {
    const { commands, queries, doc } = room();
    let transactions = 0;
    doc.on('afterTransaction', () => transactions++);
    const both = ['a', 'b'].map((name) => ({ speakerId: `dlna:${name}`, name, on: true }));
    expect(commands.wantSpeakers([...both, { ...KITCHEN, volume: 7 }])).toEqual({
      ok: false,
      reason: 'invalid',
    });
    expect(commands.wantSpeakers([{ ...KITCHEN, speakerId: 'a/b', on: true }]).ok).toBe(false);
    expect([queries.speakers().size, transactions]).toEqual([0, 0]);
    expect(commands.wantSpeakers(both)).toEqual({ ok: true });
    expect([queries.speakers().size, transactions]).toEqual([2, 1]);
  });

  test('L3 a guest changes nothing, and as host writes down what was done at the device', () => {
    const { doc, commands } = room();
    commands.createRoom('Kitchen party');
    commands.setDjOnly(true);
    const guest = room(doc, 'bo');
    expect(guest.commands.wantSpeakers([{ ...KITCHEN, on: true }])).toEqual({
      ok: false,
      reason: 'not-allowed',
    });
    expect(guest.commands.followSpeakers([{ ...KITCHEN, on: true, volume: 0.8 }])).toEqual({ ok: true });
    const followed = { on: true, volume: 0.8, by: 'bo', byHand: true };
    expect(guest.queries.speakers().get(KITCHEN.speakerId)).toMatchObject(followed);
    commands.wantSpeakers([{ ...KITCHEN, on: false }]);
    expect(guest.queries.speakers().get(KITCHEN.speakerId)).not.toHaveProperty('byHand');
  });

  test('L3 only what was switched at the device is marked so: a knob or a mute button there says nothing about it', () => {
    const { commands, queries } = room();
    const kitchen = () => queries.speakers().get(KITCHEN.speakerId);
    commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    commands.followSpeakers([{ ...KITCHEN, volume: 0.8, muted: true }]);
    expect(kitchen()).toMatchObject({ on: true, volume: 0.8, muted: true });
    expect(kitchen()).not.toHaveProperty('byHand');
    commands.followSpeakers([{ ...KITCHEN, on: false }]);
    commands.followSpeakers([{ ...KITCHEN, volume: 0.5 }]);
    commands.wantSpeakers([{ ...KITCHEN, volume: 0.3 }]);
    expect(kitchen()).toMatchObject({ on: false, volume: 0.3, byHand: true });
  });

  test('L4 what does not parse is absent, and change is told once', () => {
    const { doc, queries } = room();
    const told: string[][] = [];
    queries.onChange((changed) => told.push([...changed]));
    doc.transact(() => {
      doc.getMap('speakers').set('dlna:x', { on: 'yes' });
      doc.getMap('speakers').set('a/b', { on: true });
    });
    expect(queries.speakers().size).toBe(0);
    expect(told).toEqual([['speakers']]);
    // As an app wrote it that knew of no mute.
    const old = { on: true, onAt: 5, volume: 0.3, volumeAt: 5, delayMs: null, name: 'X', by: 'anna' };
    doc.getMap('speakers').set('dlna:x', old);
    expect(queries.speakers().get('dlna:x')).toEqual({ ...old, muted: null, mutedAt: 0 });
  });

  test('L6 the mix is the room’s, each part by itself; only DJs set it', () => {
    const { doc, commands, queries } = room();
    commands.createRoom('Kitchen party');
    expect(queries.settings().mix).toEqual({});
    expect(commands.setMix({ music: 0.4, voice: 1, duckDb: 12 })).toEqual({ ok: true });
    let transactions = 0;
    doc.on('afterTransaction', () => transactions++);
    expect(commands.setMix({ music: 0.4 })).toEqual({ ok: true });
    for (const wrong of [{ music: 1.1 }, { voice: -1 }, { duckDb: 25 }, { music: NaN, voice: 0.5 }])
      expect(commands.setMix(wrong)).toEqual({ ok: false, reason: 'invalid' });
    commands.setDjOnly(true);
    const guest = room(doc, 'bo');
    expect(guest.commands.setMix({ music: 1 })).toEqual({ ok: false, reason: 'not-allowed' });
    expect(transactions).toBe(1);
    expect(guest.queries.settings().mix).toEqual({ music: 0.4, voice: 1, duckDb: 12 });
  });

  test('L6 two who turn different parts at once both have their way; what does not parse is absent', () => {
    const anna = room();
    anna.commands.setMix({ music: 1, voice: 1, duckDb: 12 });
    const bo = room(new Y.Doc(), 'bo');
    const sync = () => {
      Y.applyUpdate(bo.doc, Y.encodeStateAsUpdate(anna.doc));
      Y.applyUpdate(anna.doc, Y.encodeStateAsUpdate(bo.doc));
    };
    sync();
    anna.commands.setMix({ music: 0.4, voice: 1, duckDb: 12 });
    bo.commands.setMix({ music: 1, voice: 0.7, duckDb: 12 });
    sync();
    for (const { queries } of [anna, bo])
      expect(queries.settings().mix).toEqual({ music: 0.4, voice: 0.7, duckDb: 12 });
    anna.doc.getMap('settings').set('mix/music', 'loud');
    anna.doc.getMap('settings').set('mix/treble', 1);
    expect(anna.queries.settings().mix).toEqual({ voice: 0.7, duckDb: 12 });
  });

  test('L5 two hundred are kept; those of which nothing is wanted make place', () => {
    const { commands, queries } = room();
    const many = Array.from({ length: 200 }, (_, at) => ({
      speakerId: `dlna:${at}`,
      name: `S${at}`,
      on: at > 0,
    }));
    expect(commands.wantSpeakers(many)).toEqual({ ok: true });
    expect(commands.wantSpeakers([{ ...KITCHEN, on: true }])).toEqual({ ok: true });
    expect([queries.speakers().size, queries.speakers().has('dlna:0')]).toEqual([200, false]);
    expect(commands.wantSpeakers([{ ...KITCHEN, speakerId: 'dlna:more', on: true }])).toEqual({
      ok: false,
      reason: 'full',
    });
  });
});
