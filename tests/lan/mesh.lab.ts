/** The mesh on every LAN that people have: what blocks, breaks, sleeps and moves, one at a time. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../fixtures/until.ts';
import { labProblem } from './lab.ts';
import { BACK_MS, converged, meet, present } from './meet.ts';
import { type MeshLab, type MeshPhone, createMeshLab } from './mesh-lab.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const MDNS_GROUP = '224.0.0.251';

describe.skipIf(problem !== null)('the mesh on a LAN', () => {
  let mesh: MeshLab;
  let phones: MeshPhone[] = [];
  let edits = 0;

  beforeAll(async () => {
    mesh = await createMeshLab(['ada', 'ben', 'cleo']);
  }, 120_000);
  afterAll(() => mesh?.close(), 60_000);
  beforeEach(() => mesh.newRoom());
  afterEach(async () => {
    await Promise.all(phones.map((phone) => phone.close()));
    phones = [];
  });

  async function join(name: string): Promise<MeshPhone> {
    const phone = await mesh.join(name);
    phones.push(phone);
    return phone;
  }

  /** Edits on each side, and waits until all have all of them. */
  async function converge(all: readonly MeshPhone[], deadlineMs = BACK_MS): Promise<void> {
    const key = `edit ${++edits} of `;
    for (const phone of all) await phone.ask('docSet', key + phone.host.name, edits);
    await converged(
      all,
      all.map((phone) => key + phone.host.name),
      deadlineMs,
    );
  }

  const pathTo = async (from: MeshPhone, to: MeshPhone) =>
    until(
      `${from.host.name} to know its path to ${to.host.name}`,
      async () => {
        const all = await from.ask('connections');
        const one = all.find(({ peerId }) => peerId === to.selfId);
        return one && one.path !== 'unknown' && one.roundTripMs !== null ? one : null;
      },
      { deadlineMs: BACK_MS },
    );

  test('without a default route phones meet directly', async () => {
    const [ada, ben, cleo] = [await join('ada'), await join('ben'), await join('cleo')];
    for (const { host } of phones)
      expect((await host.output('ip', ['route'])).toString()).not.toContain('default');
    await meet(phones);
    await converge(phones);
    for (const [from, to] of [
      [ada, ben],
      [ben, cleo],
      [cleo, ada],
    ] as const)
      expect((await pathTo(from, to)).path).toBe('direct');
  });

  test('with mDNS blocked they meet directly all the same', async () => {
    const hosts = ['ada', 'ben'].map((name) => mesh.lab.host(name));
    for (const host of hosts) host.setUnreachable(MDNS_GROUP, true);
    try {
      const [ada, ben] = [await join('ada'), await join('ben')];
      await meet(phones);
      await converge(phones);
      expect((await pathTo(ada, ben)).path).toBe('direct');
      expect((await pathTo(ben, ada)).path).toBe('direct');
    } finally {
      for (const host of hosts) host.setUnreachable(MDNS_GROUP, false);
    }
  });

  test('isolated clients meet through the node’s relay, and reach who is not isolated directly', async () => {
    const hosts = ['ada', 'ben'].map((name) => mesh.lab.host(name));
    for (const host of hosts) host.setIsolated(true);
    try {
      const [ada, ben, cleo] = [await join('ada'), await join('ben'), await join('cleo')];
      const knock = (to: MeshPhone) =>
        ada.host.output('curl', ['-sS', '-m1', `http://${to.host.address}:9/`]);
      await expect(knock(ben)).rejects.toThrow(/timed out|No route to host/i);
      await expect(knock(cleo)).rejects.toThrow(/Failed to connect/i);
      await meet(phones);
      await converge(phones);
      expect((await pathTo(ada, ben)).path).toBe('relayed');
      expect((await pathTo(ben, ada)).path).toBe('relayed');
      expect((await pathTo(ada, cleo)).path).toBe('direct');
      // Songs go through it as well.
      expect(await ada.ask('sendSeries', ben.selfId, 'bytes', 40, 60_000, 1, true)).toBeNull();
      await until('the bytes', async () => (await ben.ask('received', 'bytes')).count === 40, {
        deadlineMs: BACK_MS,
      });
      expect((await ben.ask('received', 'bytes')).intact).toBe(true);
    } finally {
      for (const host of hosts) host.setIsolated(false);
    }
  });

  test('while the node restarts phones stay linked and edit; who comes after it meets them', async () => {
    const [ada, ben] = [await join('ada'), await join('ben')];
    await meet(phones);
    await mesh.stopNode();
    await converge([ada, ben]);
    expect(await ada.ask('status')).toBe('connected');
    await mesh.startNode();
    await join('cleo');
    await meet(phones);
    await converge(phones);
    for (const phone of [ada, ben]) expect(await phone.ask('everPeers')).toHaveLength(2);
  });

  test('a phone whose address changed is back', async () => {
    const [ada, ben] = [await join('ada'), await join('ben')];
    await meet(phones);
    const before = ada.host.address;
    try {
      ada.host.changeAddress('10.77.0.77');
      await ben.ask('docSet', 'while ada moved', 1);
      await until(
        'ada to be linked from its new address',
        async () => {
          await converged([ada], ['while ada moved'], 1_000);
          return true;
        },
        { deadlineMs: 2 * BACK_MS },
      );
      await meet(phones);
      await converge(phones);
    } finally {
      ada.host.changeAddress(before);
    }
  });

  test('phones cut off from the node in turn, then from each other, then from both, are one room again', async () => {
    const [ada, ben] = [await join('ada'), await join('ben')];
    await meet(phones);

    const { address } = mesh.node;
    for (const cutOff of phones) {
      cutOff.host.setUnreachable(address, true);
      try {
        await expect(cutOff.host.output('curl', ['-sS', '-m1', `http://${address}/`])).rejects.toThrow();
        await converge(phones);
        expect((await pathTo(ada, ben)).path).toBe('direct');
      } finally {
        cutOff.host.setUnreachable(address, false);
      }
    }

    for (const { host } of phones) host.setIsolated(true);
    try {
      await until('the relay to take over', async () => (await pathTo(ada, ben)).path === 'relayed', {
        deadlineMs: 2 * BACK_MS,
      });
      await converge(phones);
    } finally {
      for (const { host } of phones) host.setIsolated(false);
    }

    ada.host.setLink('down');
    try {
      await until(
        'both to see the other gone',
        async () => !(await present(ada, ben)) && !(await present(ben, ada)),
      );
      await until('ada to be alone', async () => (await ada.ask('status')) === 'alone', {
        deadlineMs: 2 * BACK_MS,
      });
      await ada.ask('docSet', 'ada alone', 1);
      await ben.ask('docSet', 'ben alone', 1);
    } finally {
      ada.host.setLink('up');
    }
    await meet(phones);
    await converged(phones, ['ada alone', 'ben alone']);
  }, 180_000);

  test('a phone whose browser is killed is gone within five seconds', async () => {
    const [ada, cleo] = [await join('ada'), await join('cleo')];
    await meet(phones);
    await until('presence', () => present(ada, cleo));
    const killedAtMs = performance.now();
    cleo.host.signal('SIGKILL');
    await until('cleo to be gone', async () => !(await present(ada, cleo)));
    expect(performance.now() - killedAtMs).toBeLessThan(5_000);
    expect(await ada.ask('asleep')).toEqual({});
  });
});
