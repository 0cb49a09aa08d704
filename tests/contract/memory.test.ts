import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { createMemoryHub } from '../../app/mesh/memory.ts';
import { createDriver } from './driver.ts';
import { runTransportContract } from './transport.ts';

describe('in-memory mesh', () => {
  runTransportContract({
    test,
    expect,
    hasSound: false,
    async setup() {
      const hub = createMemoryHub();
      let joined = 0;
      return {
        async join(secret = 'right') {
          const selfId = `peer-${++joined}`;
          const doc = new Y.Doc();
          const transport = hub.join({ selfId, secret, doc });
          const kit = {
            tone: () => ({}) as MediaStream,
            listen: () => () => ({ peakHz: null, peakDb: null }),
          };
          return { selfId, ...createDriver(transport, doc, kit) };
        },
        kill: async (peer) => hub.kill(peer.selfId),
        freeze: async (peer) => hub.sleep(peer.selfId),
        wake: async (peer) => hub.wake(peer.selfId),
        close: async () => hub.close(),
      };
    },
  });

  test('partition and heal: both sides go on, then converge', async () => {
    const hub = createMemoryHub();
    const docs = { a: new Y.Doc(), b: new Y.Doc() };
    const a = hub.join({ selfId: 'a', doc: docs.a });
    const b = hub.join({ selfId: 'b', doc: docs.b });
    hub.partition(['a'], ['b']);
    docs.a.getMap('m').set('x', 1);
    docs.b.getMap('m').set('y', 2);
    await Promise.resolve();
    expect([a.status(), a.peers(), docs.b.getMap('m').has('x')]).toEqual(['alone', [], false]);
    hub.heal();
    await Promise.resolve();
    expect([b.status(), b.peers()]).toEqual(['connected', ['a']]);
    expect(docs.a.getMap('m').toJSON()).toEqual({ x: 1, y: 2 });
    expect(docs.b.getMap('m').toJSON()).toEqual({ x: 1, y: 2 });
    hub.close();
  });
});
