import { expect, test } from 'vitest';
import { createMemoryHub } from '../../../app/mesh/memory.ts';
import { createMoving, encodeMove, parseMove } from '../../../app/state/moving.ts';
import { until } from '../../fixtures/until.ts';

const SECRET = 'A'.repeat(22);

function rig() {
  const hub = createMemoryHub();
  const never = (): (() => void) => () => undefined;
  const join = (selfId: string, answers = true) => {
    const came: string[] = [];
    const heard: Uint8Array[] = [];
    const transport = hub.join({ selfId });
    transport.onMessage('control', (_from, bytes) => heard.push(bytes));
    const moving = answers
      ? createMoving({
          transport,
          isOwner: (peerId) => peerId === 'owner',
          onCome: (secret) => came.push(secret),
          setTimer: never,
        })
      : null;
    return { transport, moving, came, heard };
  };
  return { hub, join };
}

test('the chosen peers are told and answer; nobody else hears anything', async () => {
  const { hub, join } = rig();
  const [owner, chosen, excluded] = [join('owner'), join('chosen'), join('excluded')];
  await until('the mesh', () => owner.transport.peers().length === 2);
  expect(await owner.moving!.tell(['chosen'], SECRET, 1_000)).toEqual([]);
  await until('the move', () => chosen.came.length === 1);
  expect(chosen.came).toEqual([SECRET]);
  expect([excluded.came, excluded.heard]).toEqual([[], []]);
  hub.close();
});

test('who does not answer by the deadline is named', async () => {
  const { hub, join } = rig();
  join('asleep', false);
  const transport = hub.join({ selfId: 'owner' });
  await until('the mesh', () => transport.peers().length === 1);
  const moving = createMoving({
    transport,
    isOwner: () => false,
    onCome: () => undefined,
    setTimer(run) {
      queueMicrotask(run);
      return () => undefined;
    },
  });
  expect(await moving.tell(['asleep', 'gone'], SECRET, 1)).toEqual(['asleep', 'gone']);
  hub.close();
});

test('only the owner moves anybody', async () => {
  const { hub, join } = rig();
  const [chosen, guest] = [join('chosen'), join('guest')];
  await until('the mesh', () => guest.transport.peers().length === 1);
  await guest.transport.send('chosen', 'control', encodeMove({ type: 'come', secret: SECRET }));
  await until('the message', () => chosen.heard.length === 1);
  expect(chosen.came).toEqual([]);
  hub.close();
});

test('whatever else comes over the channel is no move', () => {
  const text = (json: string): Uint8Array => new TextEncoder().encode(`m${json}`);
  expect(parseMove(encodeMove({ type: 'come', secret: SECRET }))).toEqual({ type: 'come', secret: SECRET });
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array([0x4c, 1, 2]),
    new Uint8Array([0x6d, 0xff, 0xfe]),
    text('{"type":"come","secret":"short"}'),
    text('{"type":"go"}'),
    text(`{"type":"coming","x":"${'y'.repeat(400)}"}`),
    text('null'),
  ])
    expect(parseMove(bytes)).toBeNull();
});
