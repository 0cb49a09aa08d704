/**
 * What every adapter of `app/mesh/transport.ts` must do. Framework-agnostic: the runner's `test` and `expect` are passed
 * in, and peers are reached through async handles, because they may live in other browser contexts.
 */
import type { ExpectStatic } from 'vitest';
import { MAX_MESSAGE_BYTES } from '../../app/mesh/transport.ts';
import type { Driver } from './driver.ts';

export interface ContractPeer extends Driver {
  readonly selfId: string;
}

export interface ContractRoom {
  /** `wrong`: a peer that is in reach but does not know the room's secret. */
  join(secret?: 'right' | 'wrong'): Promise<ContractPeer>;
  /** It ends like a tab that crashed: without a word. */
  kill(peer: ContractPeer): Promise<void>;
  /** Its system freezes it, as phones do with what nobody looks at; its driver answers nothing until it wakes. */
  freeze(peer: ContractPeer): Promise<void>;
  wake(peer: ContractPeer): Promise<void>;
  close(): Promise<void>;
}

export interface TransportContract {
  test(name: string, body: () => Promise<void>): void;
  expect: ExpectStatic;
  /** A room of its own for each test. */
  setup(): Promise<ContractRoom>;
  /** Voices are real sound, with a level that can be measured. */
  hasSound: boolean;
}

const DEADLINE_MS = 15_000;

/** Polls until `holds`; fails with the last value seen. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T>,
  holds: (value: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  let value = await read();
  while (!holds(value)) {
    if (performance.now() > deadline) throw new Error(`${what}: still ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    value = await read();
  }
  return value;
}

export function runTransportContract({ test, expect, setup, hasSound }: TransportContract): void {
  function inRoom(name: string, body: (room: ContractRoom) => Promise<void>): void {
    test(name, async () => {
      const room = await setup();
      try {
        await body(room);
      } finally {
        await room.close();
      }
    });
  }

  const meet = async (...all: ContractPeer[]) => {
    for (const peer of all) {
      const others = all.filter((other) => other !== peer).map((other) => other.selfId);
      await eventually(`${peer.selfId} meets everyone`, peer.peers, (peers) =>
        others.every((id) => peers.includes(id)),
      );
    }
  };

  inRoom('M1 presence reaches everyone, is replaced, and goes with its peer', async (room) => {
    const [a, b, c] = [await room.join(), await room.join(), await room.join()];
    await a.setPresence({ name: 'Ada', n: 1 });
    for (const peer of [a, b, c]) {
      await eventually(
        'presence',
        peer.presences,
        (all) => JSON.stringify(all[a.selfId]) === '{"name":"Ada","n":1}',
      );
    }
    await a.setPresence({ name: 'Ada', n: 2 });
    await eventually('replaced', b.presences, (all) => (all[a.selfId] as { n: number } | undefined)?.n === 2);
    await meet(a, b, c);
    await a.close();
    for (const peer of [b, c]) {
      await eventually('gone', peer.presences, (all) => !(a.selfId in all));
      await eventually('gone', peer.peers, (peers) => !peers.includes(a.selfId));
    }
  });

  inRoom('M2 documents converge, with edits made before and after meeting', async (room) => {
    const a = await room.join();
    await a.docSet('before', 'a');
    const b = await room.join();
    await b.docSet('other', 'b');
    await eventually('first sync', b.docJson, (doc) => doc['before'] === 'a');
    await eventually('first sync', a.docJson, (doc) => doc['other'] === 'b');
    await Promise.all([a.docSet('both', 'a'), b.docSet('both', 'b')]);
    const settled = await eventually(
      'the same everywhere',
      async () => [await a.docJson(), await b.docJson()],
      ([x, y]) => x?.['both'] !== undefined && JSON.stringify(sorted(x)) === JSON.stringify(sorted(y ?? {})),
    );
    expect(Object.keys(settled[0] ?? {}).sort()).toEqual(['before', 'both', 'other']);
  });

  inRoom(
    'M3 a thousand messages arrive whole and in order, on both reliable channels at once',
    async (room) => {
      const [a, b] = [await room.join(), await room.join()];
      await meet(a, b);
      const errors = await Promise.all([
        a.sendSeries(b.selfId, 'control', 1000, 200, 1, true),
        a.sendSeries(b.selfId, 'bytes', 1000, 3_000, 2, true),
        b.sendSeries(a.selfId, 'control', 1000, 100, 3, false),
      ]);
      expect(errors).toEqual([null, null, null]);
      for (const [peer, channel, bytes] of [
        [b, 'control', 200_000],
        [b, 'bytes', 3_000_000],
        [a, 'control', 100_000],
      ] as const) {
        const got = await eventually(
          'all arrived',
          () => peer.received(channel),
          (r) => r.count >= 1000,
        );
        expect(got).toMatchObject({ count: 1000, bytes, intact: true, inOrder: true, beforePeer: false });
      }
    },
  );

  inRoom('M4 the largest message passes, a larger one is refused and breaks nothing', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await meet(a, b);
    expect(await a.sendSeries(b.selfId, 'bytes', 1, MAX_MESSAGE_BYTES, 1, true)).toBe(null);
    expect(await a.sendSeries(b.selfId, 'bytes', 1, MAX_MESSAGE_BYTES + 1, 1, true)).toBe('RangeError');
    const got = await eventually(
      'arrived',
      () => b.received('bytes'),
      (r) => r.count >= 1,
    );
    expect(got).toMatchObject({ count: 1, bytes: MAX_MESSAGE_BYTES, intact: true });
    expect(await a.peers()).toContain(b.selfId);
  });

  inRoom('M5 backpressure: 40 MB pushed at once are sent without loss', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await meet(a, b);
    expect(await a.sendSeries(b.selfId, 'bytes', 160, 250_000, 9, false)).toBe(null);
    const got = await eventually(
      'all arrived',
      () => b.received('bytes'),
      (r) => r.count >= 160,
    );
    expect(got).toMatchObject({ count: 160, bytes: 40_000_000, intact: true, inOrder: true });
  });

  inRoom('M6 clock probes arrive', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await meet(a, b);
    expect(await a.sendSeries(b.selfId, 'clock', 20, 24, 1, true)).toBe(null);
    const got = await eventually(
      'some arrived',
      () => b.received('clock'),
      (r) => r.count > 0,
    );
    expect(got.intact).toBe(true);
  });

  inRoom('M7 sending to nobody, and to a peer that left, rejects', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await meet(a, b);
    expect(await a.sendSeries('nobody', 'control', 1, 8, 1, true)).toBe('PeerUnreachableError');
    await b.close();
    await eventually('gone', a.peers, (peers) => peers.length === 0);
    expect(await a.sendSeries(b.selfId, 'control', 1, 8, 1, true)).toBe('PeerUnreachableError');
  });

  inRoom('M8 who does not know the secret gets nothing and is not seen', async (room) => {
    const [a, b, stranger] = [await room.join(), await room.join(), await room.join('wrong')];
    await a.setPresence({ name: 'Ada' });
    await a.docSet('private', true);
    await stranger.docSet('planted', true);
    await stranger.setPresence({ name: 'Mallory' });
    // Long enough that everything a stranger could get has come: the others have met meanwhile and exchanged all of it.
    await meet(a, b);
    await a.sendSeries(b.selfId, 'control', 200, 100, 1, true);
    await eventually(
      'arrived',
      () => b.received('control'),
      (r) => r.count === 200,
    );
    await eventually('presence', b.presences, (all) => a.selfId in all);
    expect(await stranger.everPeers()).toEqual([]);
    expect(Object.keys(await stranger.presences())).toEqual([stranger.selfId]);
    expect(await stranger.docJson()).toEqual({ planted: true });
    expect(await a.everPeers()).toEqual([b.selfId]);
    expect(Object.keys(await a.presences())).not.toContain(stranger.selfId);
    expect(await a.docJson()).toEqual({ private: true });
    expect(await stranger.sendSeries(a.selfId, 'control', 1, 8, 1, true)).toBe('PeerUnreachableError');
  });

  inRoom('M9 a voice arrives at whom it is offered to, ends, and starts again', async (room) => {
    const [a, b, c] = [await room.join(), await room.join(), await room.join()];
    await meet(a, b, c);
    for (const hz of [600, 1500]) {
      await a.offerTone(hz, [b.selfId]);
      const heard = await eventually(
        'voice',
        () => b.voice(a.selfId),
        (voice) =>
          hasSound ? Math.abs((voice.peakHz ?? 0) - hz) < 60 && (voice.peakDb ?? -200) > -60 : voice.here,
      );
      expect(heard.here).toBe(true);
      expect((await c.voice(a.selfId)).here).toBe(false);
      await a.offerTone(null, []);
      await eventually(
        'silence',
        () => b.voice(a.selfId),
        (voice) => !voice.here,
      );
    }
  });

  inRoom('M10 two voices cross, and one ends with its peer', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await meet(a, b);
    await Promise.all([a.offerTone(600, [b.selfId]), b.offerTone(1500, [a.selfId])]);
    const near = (hz: number) => (voice: { here: boolean; peakHz: number | null }) =>
      voice.here && (!hasSound || Math.abs((voice.peakHz ?? 0) - hz) < 60);
    await eventually('a at b', () => b.voice(a.selfId), near(600));
    await eventually('b at a', () => a.voice(b.selfId), near(1500));
    await a.close();
    await eventually(
      'ended',
      () => b.voice(a.selfId),
      (voice) => !voice.here,
    );
  });

  inRoom('M11 reconnect() brings everything back', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await a.setPresence({ name: 'Ada' });
    await meet(a, b);
    await a.reconnect();
    await b.docSet('while', 'away');
    await a.docSet('also', 'here');
    await eventually('doc', a.docJson, (doc) => doc['while'] === 'away');
    await eventually('doc', b.docJson, (doc) => doc['also'] === 'here');
    await meet(a, b);
    await eventually('presence', b.presences, (all) => JSON.stringify(all[a.selfId]) === '{"name":"Ada"}');
    expect(await a.sendSeries(b.selfId, 'control', 10, 50, 1, true)).toBe(null);
    await eventually(
      'arrived',
      () => b.received('control'),
      (r) => r.count === 10,
    );
  });

  inRoom('M12 status says connected in a room that is in reach; closing twice is harmless', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await eventually('connected', a.status, (status) => status === 'connected');
    await meet(a, b);
    await a.close();
    await a.close();
    expect(await a.sendSeries(b.selfId, 'control', 1, 8, 1, true)).toBe('PeerUnreachableError');
    await eventually('gone', b.peers, (peers) => peers.length === 0);
  });

  inRoom('M13 a peer that was killed is gone within five seconds', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await a.setPresence({ name: 'Ada' });
    await meet(a, b);
    await eventually('presence', b.presences, (all) => a.selfId in all);
    const killedAtMs = performance.now();
    await room.kill(a);
    await eventually('gone', b.presences, (all) => !(a.selfId in all));
    expect(performance.now() - killedAtMs).toBeLessThan(5_000);
    expect(await b.asleep()).toEqual({});
    expect(await b.peers()).toEqual([]);
  });

  inRoom(
    'M14 a peer that its system freezes is asleep, not gone, and is back when it wakes',
    async (room) => {
      const [a, b] = [await room.join(), await room.join()];
      await a.setPresence({ name: 'Ada' });
      await meet(a, b);
      await eventually('presence', b.presences, (all) => a.selfId in all);
      await room.freeze(a);
      await eventually('not here', b.presences, (all) => !(a.selfId in all));
      expect(await b.asleep()).toEqual({ [a.selfId]: { name: 'Ada' } });
      const c = await room.join();
      await eventually('told to who comes later', c.asleep, (all) => a.selfId in all);
      await b.docSet('meanwhile', 1);
      await room.wake(a);
      await eventually('here', b.presences, (all) => a.selfId in all);
      expect(await b.asleep()).toEqual({});
      await eventually('doc', a.docJson, (doc) => doc['meanwhile'] === 1);
      await meet(a, b, c);
      expect(await c.asleep()).toEqual({});
    },
  );

  inRoom('M15 a room of 5,000 items, far over one message, reaches a newcomer whole', async (room) => {
    const a = await room.join();
    await a.docFill(5_000, 400);
    const [b, c] = [await room.join(), await room.join()];
    await eventually('whole', b.isWhole, (isWhole) => isWhole);
    expect(await b.docSize()).toBe(5_000);
    for (const peer of [b, c]) await eventually('complete', peer.docSize, (size) => size === 5_000);
    await a.docFill(5_001, 900);
    for (const peer of [b, c]) await eventually('replaced', peer.docSize, (size) => size === 5_001);
    expect(await c.docJson()).toEqual(await a.docJson());
  });

  inRoom('M16 what was taken out while apart stays out', async (room) => {
    const [a, b] = [await room.join(), await room.join()];
    await a.docSet('kept', 1);
    await a.docSet('removed', 1);
    await eventually('doc', b.docJson, (doc) => 'removed' in doc);
    await meet(a, b);
    await room.freeze(a);
    await eventually('apart', b.peers, (peers) => peers.length === 0);
    await b.docDelete('removed');
    await room.wake(a);
    await eventually('doc', a.docJson, (doc) => JSON.stringify(doc) === '{"kept":1}');
    expect(await b.docJson()).toEqual({ kept: 1 });
  });

  inRoom('M17 connections are told one by one, with their path and round trip', async (room) => {
    const [a, b, c] = [await room.join(), await room.join(), await room.join()];
    await meet(a, b, c);
    const all = await eventually(
      'measured',
      a.connections,
      (list) => list.length === 2 && list.every((one) => one.path !== 'unknown' && one.roundTripMs !== null),
    );
    expect(all.map((one) => one.peerId).sort()).toEqual([b.selfId, c.selfId].sort());
    for (const { path, roundTripMs } of all) {
      expect(path).toBe('direct');
      expect(roundTripMs).toBeGreaterThanOrEqual(0);
      expect(roundTripMs).toBeLessThan(2_000);
    }
    await c.close();
    await eventually('one less', a.connections, (list) => list.length === 1);
  });
}

function sorted(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1));
}
