import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  NodeSpeakersMessage,
  type ObservedSpeaker,
  SPEAKERS_BEAT_MS,
  type SpeakerDeed,
} from '../../../signaling/protocol/speakers.ts';
import { PROTOCOL_VERSION } from '../../../signaling/protocol/uplink.ts';
import { createDemoDriver, type DemoDriver } from '../../../signaling/speakers/demo.ts';
import {
  keysOf,
  newSecret,
  openHost,
  openSocket,
  startNode,
  status,
  type TestNode,
  until,
} from './support.ts';

let node: TestNode;
let demo: DemoDriver;

beforeEach(async () => {
  node = await startNode({}, {}, {}, [(options) => (demo = createDemoDriver(['Kitchen', 'Bath'], options))]);
});
afterEach(() => node.close());

/** A member's app: what it was told so far. */
async function member(keys = node.keys) {
  const socket = await openSocket(node, '/speakers');
  const { roomId, uplinkKey } = keys;
  socket.send({ type: 'hello', protocol: PROTOCOL_VERSION, roomId, uplinkKey });
  const messages = (): NodeSpeakersMessage[] =>
    socket.messages.map((one) => v.parse(NodeSpeakersMessage, one));
  function all(): Map<string, ObservedSpeaker> {
    const map = new Map<string, ObservedSpeaker>();
    for (const message of messages()) {
      if (message.type !== 'observed') continue;
      if (message.whole) map.clear();
      for (const speaker of message.speakers) map.set(speaker.name, speaker);
      for (const id of message.gone) for (const [name, one] of map) if (one.id === id) map.delete(name);
    }
    return map;
  }
  await until(() => (messages().length > 0 ? true : undefined));
  let actId = 0;
  return {
    socket,
    all,
    kitchen: () => all().get('Kitchen'),
    sees: (fits: (kitchen: ObservedSpeaker) => boolean) =>
      until(() => {
        const kitchen = all().get('Kitchen');
        return kitchen !== undefined && fits(kitchen) ? kitchen : undefined;
      }),
    async act(deed: SpeakerDeed, claim = { epoch: 1, peerId: 'peer-a' }, speakerId = 'demo:Kitchen') {
      const mine = ++actId;
      socket.send({ type: 'act', actId: mine, speakerId, deed, ...claim });
      return until(() => {
        const answer = messages().find((one) => one.type === 'acted' && one.actId === mine);
        return answer?.type === 'acted' ? { error: answer.error } : undefined;
      });
    },
  };
}

const PLAY: SpeakerDeed = { do: 'play', title: 'Tom’s room' };

describe('the speakers’ socket', () => {
  it('tells who knows the room’s key what is there, and nobody else', async () => {
    const here = await member();
    expect([...here.all().keys()]).toEqual(['Kitchen', 'Bath']);
    expect(here.kitchen()).toMatchObject({ id: 'demo:Kitchen', state: 'idle', plays: null, volume: 0.3 });
    const stranger = await openSocket(node, '/speakers');
    const { uplinkKey } = await keysOf(newSecret());
    stranger.send({ type: 'hello', protocol: PROTOCOL_VERSION, roomId: node.keys.roomId, uplinkKey });
    expect(await stranger.closed).toEqual({ code: 1008, reason: 'wrong-key' });
    const early = await openSocket(node, '/speakers');
    early.send({ type: 'act', actId: 1, epoch: 1, peerId: 'a', speakerId: 'demo:Kitchen', deed: PLAY });
    expect(await early.closed).toEqual({ code: 1008, reason: 'bad-message' });
    expect(demo.device('Kitchen').plays).toBe(0);
  });

  it('the host’s play reaches the speaker with this room’s stream; every member sees the steps', async () => {
    const [host, other] = [await member(), await member()];
    expect(await host.act(PLAY)).toEqual({ error: null });
    expect(demo.device('Kitchen').url).toBe(`${node.httpUrl}/stream.mp3`);
    const kitchen = await other.sees(({ state }) => state === 'playing');
    expect(kitchen).toMatchObject({ plays: 'room', title: 'Tom’s room', error: null, failures: 0 });
    const { asked, buffering, playing } = kitchen.ages;
    expect([asked, buffering, playing].every((age) => age !== null && age < 10_000)).toBe(true);
    expect(kitchen.byHand.on).toBeNull();
  });

  it('another room sees the same speaker with something else on, and can take it', async () => {
    const keys = await keysOf(newSecret());
    const [mine, theirs] = [await member(), await member(keys)];
    await mine.act(PLAY);
    expect(await theirs.sees(({ state }) => state === 'playing')).toMatchObject({ plays: 'other' });
    await theirs.act(PLAY);
    expect(demo.device('Kitchen').url).toBe(`${node.httpUrl}/stream/${keys.roomId}.mp3`);
    expect(await mine.sees(({ plays }) => plays === 'other')).toMatchObject({
      byHand: { on: { on: false } },
    });
  });

  it('who is not the host any more may look and not act', async () => {
    const [old, next] = [await member(), await member()];
    expect(await old.act(PLAY, { epoch: 1, peerId: 'peer-b' })).toEqual({ error: null });
    expect(await next.act({ do: 'stop' }, { epoch: 2, peerId: 'peer-a' })).toEqual({ error: null });
    const { error } = await old.act(PLAY, { epoch: 1, peerId: 'peer-b' });
    expect(error).toBe('Another device hosts this room now.');
    // Whoever feeds the stream is known by that alone.
    const feeding = await openHost(node, { epoch: 7, peerId: 'peer-a' });
    expect((await next.act(PLAY, { epoch: 2, peerId: 'peer-a' })).error).toMatch(/hosts this room now/);
    expect(await next.act(PLAY, { epoch: 7, peerId: 'peer-a' })).toEqual({ error: null });
    feeding.close();
  });

  it('a room that lost its document and counts from one again has a host as soon as that feeds the stream', async () => {
    const [old, next] = [await member(), await member()];
    const founded = { epoch: 1, peerId: 'peer-b' };
    expect(await old.act(PLAY, { epoch: 5, peerId: 'peer-a' })).toEqual({ error: null });
    expect((await next.act(PLAY, founded)).error).toMatch(/hosts this room now/);
    const feeding = await openHost(node, founded);
    expect(await next.act(PLAY, founded)).toEqual({ error: null });
    // Now that is what has acted, whether it feeds on or not.
    feeding.close();
    await until(async () => ((await status(node)).streams[0]?.host == null ? true : undefined));
    expect(await next.act(PLAY, founded)).toEqual({ error: null });
  });

  it('what has acted in a room is forgotten with the last of its sockets', async () => {
    const [old, other] = [await member(), await member()];
    expect(await old.act(PLAY, { epoch: 5, peerId: 'peer-a' })).toEqual({ error: null });
    old.socket.close();
    await old.socket.closed;
    expect((await other.act(PLAY)).error).toMatch(/hosts this room now/);
    other.socket.close();
    await other.socket.closed;
    // The node may notice a moment later than who went.
    await until(async () => {
      const one = await member();
      const { error } = await one.act(PLAY);
      one.socket.close();
      await one.socket.closed;
      return error === null ? true : undefined;
    });
  });

  it('what is done at the device is told as done by hand; what the room did is not', async () => {
    const host = await member();
    await host.act({ do: 'volume', volume: 0.5 });
    await host.act(PLAY);
    expect(await host.sees(({ volume, state }) => volume === 0.5 && state === 'playing')).toMatchObject({
      byHand: { on: null, volume: null },
    });
    demo.device('Kitchen').turn(0.8);
    await host.sees(({ volume, byHand }) => volume === 0.8 && byHand.volume !== null);
    await host.act({ do: 'mute', muted: true });
    expect((await host.sees(({ muted }) => muted === true)).byHand.muted).toBeNull();
    demo.device('Kitchen').press('mute');
    await host.sees(({ muted, byHand }) => muted === false && byHand.muted !== null);
    await host.act({ do: 'stop' });
    expect(await host.sees(({ state }) => state === 'stopped')).toMatchObject({ byHand: { on: null } });
  });

  it('a speaker that refuses is told with its own words, and how often', async () => {
    const host = await member();
    demo.device('Kitchen').refuse('Its alarm is ringing.');
    for (const failures of [1, 2, 3]) {
      expect(await host.act(PLAY)).toEqual({ error: 'Its alarm is ringing.' });
      const seen = await host.sees((kitchen) => kitchen.failures === failures);
      expect(seen).toMatchObject({ state: 'error', error: 'Its alarm is ringing.' });
    }
    demo.device('Kitchen').refuse(null);
    await host.act(PLAY);
    await host.sees(({ state, error }) => state === 'playing' && error === null);
  });

  it('one that goes is told to be gone, and comes back as new', async () => {
    const host = await member();
    await host.act(PLAY);
    demo.device('Kitchen').unplug();
    await until(() => (host.kitchen() === undefined ? true : undefined));
    expect((await host.act(PLAY)).error).toBe('It is out of reach.');
    demo.device('Kitchen').plugIn();
    const back = await host.sees(() => true);
    expect(back).toMatchObject({ state: 'idle', plays: null, byHand: { on: null, volume: null } });
    expect(back.ages.asked).toBeNull();
  });

  it('what Home Assistant plays on is for the node’s own room alone', async () => {
    await node.close();
    node = await startNode({}, {}, {}, [
      (options) => ({ ...(demo = createDemoDriver(['Kitchen'], options)), kind: 'home-assistant' }),
      (options) => createDemoDriver(['Bath'], options),
    ]);
    const keys = await keysOf(newSecret());
    const [own, other] = [await member(), await member(keys)];
    // What may turn out to be a double of another is shown after some seconds.
    await until(() => own.kitchen(), 10_000);
    expect([...other.all().keys()]).toEqual(['Bath']);
    expect((await other.act(PLAY)).error).toContain('the computer that runs Earshot');
    expect(await other.act(PLAY, undefined, 'demo:Bath')).toEqual({ error: null });
    expect(demo.device('Kitchen').plays).toBe(0);
    expect(await own.act(PLAY)).toEqual({ error: null });
    demo.device('Kitchen').turn(0.9);
    await own.sees(({ volume }) => volume === 0.9);
    expect([...other.all().keys()]).toEqual(['Bath']);
  });

  it('says that it is there as long as nothing changes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const { socket } = await member();
      for (const beats of [1, 2]) {
        vi.advanceTimersByTime(SPEAKERS_BEAT_MS);
        await until(() => (socket.messages.length === 1 + beats ? true : undefined));
        expect(socket.messages.at(-1)).toEqual({ type: 'observed', whole: false, speakers: [], gone: [] });
      }
      socket.close();
      await socket.closed;
    } finally {
      vi.useRealTimers();
    }
  });

  it('with the node gone the speaker is left as it is', async () => {
    const host = await member();
    await host.act(PLAY);
    const device = demo.device('Kitchen');
    await node.close();
    expect([device.state, device.plays]).toEqual(['playing', 1]);
    expect((await host.socket.closed).reason).toBe('shutting-down');
    node = await startNode();
  });
});
