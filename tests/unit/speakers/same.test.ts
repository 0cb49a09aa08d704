/** A device that several drivers see is shown once, and two devices are never taken for one. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SpeakerKind } from '../../../signaling/protocol/speakers.ts';
import { placesOf } from '../../../signaling/speakers/home-assistant/messages.ts';
import { type Candidate, doublesOf, upnpKey } from '../../../signaling/speakers/same.ts';
import { createShown, type Shown } from '../../../signaling/speakers/shown.ts';

let at = 0;
/** `host`, then keys. */
const one = (
  kind: SpeakerKind,
  name: string,
  model: string | null,
  host: string | null,
  ...keys: string[]
): Candidate => ({ id: `${kind}:${at++}`, kind, name, model, marks: { host, keys } });
const HEX = '0123456789abcdef0123456789abcdef';
const RINCON = 'RINCON_AABBCCDDEEFF01400';

const sonos = one('sonos', 'Kitchen', 'Sonos One', '10.0.0.7', `sonos:${RINCON}`, upnpKey(`${RINCON}_MR`));
const cast = one('cast', 'Living room', 'Google Nest Mini', '10.0.0.8', `cast:${HEX}`);
const television = one('dlna', 'Living room', 'Bravia', '10.0.0.8', upnpKey('uuid:Tele'));

describe('what is one device', () => {
  it.each<[string, Candidate, Candidate]>([
    ['Home Assistant tells its key', sonos, one('home-assistant', 'Küche', 'One', null, `sonos:${RINCON}`)],
    ['its name there is another', cast, one('home-assistant', 'Speaker 2', null, null, `cast:${HEX}`)],
    ['a renderer in both', television, one('home-assistant', 'TV', 'KD', null, 'upnp:tele')],
    [
      'a Sonos that answers as a renderer',
      sonos,
      one('dlna', 'x', null, '10.0.0.7', upnpKey(`${RINCON}_MR`)),
    ],
    ['the same name at the same address', cast, television],
    ['the same name and model', sonos, one('home-assistant', 'kitchen', 'One', null)],
  ])('%s', (_, shown, hidden) => {
    expect([...doublesOf([hidden, shown])]).toEqual([[hidden.id, shown.id]]);
  });

  it('through a chain of them is shown once, by the nearest', () => {
    const assistant = one('home-assistant', 'Bravia', null, null, 'upnp:tele');
    expect(new Map(doublesOf([assistant, television, cast]))).toEqual(
      new Map([
        [television.id, cast.id],
        [assistant.id, cast.id],
      ]),
    );
  });
});

describe('what is not known to be one device', () => {
  it.each<[string, Candidate[]]>([
    ['the same name alone', [sonos, one('home-assistant', 'Kitchen', 'Apple TV', null)]],
    ['the same name, and no models', [sonos, one('home-assistant', 'Kitchen', null, null)]],
    ['the same address alone', [cast, one('dlna', 'Radio', null, '10.0.0.8')]],
    ['the same name and model at other addresses', [sonos, one('dlna', 'Kitchen', 'Sonos One', '10.0.0.9')]],
    [
      'the same name and model, and another key of the same kind',
      [sonos, one('home-assistant', 'Kitchen', 'Sonos One', null, 'sonos:RINCON_000000000000')],
    ],
    [
      'two zones of one receiver',
      [
        one('dlna', 'Receiver', 'RX', '10.0.0.5', 'upnp:rx'),
        one('home-assistant', 'Receiver', 'RX', null),
        one('home-assistant', 'Receiver', 'RX', null),
      ],
    ],
    [
      'two renderers of one machine, and one that could be either',
      [
        one('cast', 'Den', 'PC', '10.0.0.6'),
        one('dlna', 'Den', 'PC', '10.0.0.6', 'upnp:1'),
        one('dlna', 'Den', 'PC', '10.0.0.6', 'upnp:2'),
      ],
    ],
    ['two of one kind', [one('dlna', 'Den', 'PC', '10.0.0.6'), one('dlna', 'Den', 'PC', '10.0.0.6')]],
    [
      'a Snapclient on a renderer',
      [one('snapcast', 'Pi', 'Pi', '10.0.0.4'), one('dlna', 'Pi', 'Pi', '10.0.0.4')],
    ],
    ['an Echo', [one('alexa', 'Kitchen', 'Sonos One', null), sonos]],
    ['names without a letter', [one('cast', '☕', 'Nest', null), one('home-assistant', '☕', 'Nest', null)]],
  ])('%s', (_, speakers) => {
    expect([...doublesOf(speakers)]).toEqual([]);
  });

  it('is the device of a key that another one has, however alike they are', () => {
    const mine = one('home-assistant', 'Elsewhere', null, null, `sonos:${RINCON}`);
    const other = one('home-assistant', 'Kitchen', 'Sonos One', null);
    expect([...doublesOf([sonos, other, mine])]).toEqual([[mine.id, sonos.id]]);
  });
});

it('Home Assistant tells what each integration knows its players by, and of a device only if it has one player', () => {
  const entity = (name: string, device_id: string | null, platform: string, unique_id: unknown) => ({
    ...{ entity_id: `media_player.${name}`, device_id, platform, unique_id },
  });
  const upnp = (id: string) => ({
    id,
    connections: [
      ['upnp', `uuid:${id}`],
      ['mac', '00:11:22:33:44:55'],
    ],
  });
  const places = placesOf(
    [],
    [upnp('One'), upnp('Zones'), { id: 'odd', connections: 'none' }],
    [
      entity('kitchen', null, 'sonos', RINCON),
      entity('den', null, 'cast', '01234567-89ab-cdef-0123-456789abcdef'),
      entity('tele', 'One', 'dlna_dmr', 'uuid:Tele'),
      { ...entity('remote', 'One', 'braviatv', 'x'), disabled_by: 'user' },
      entity('main', 'Zones', 'denonavr', 'a'),
      entity('zone2', 'Zones', 'denonavr', 'b'),
      entity('wild', 'odd', 'cast', 7),
    ],
  );
  const keys = [...places].map(([id, { keys: known }]) => [id.replace('media_player.', ''), known.join(' ')]);
  expect(Object.fromEntries(keys)).toEqual({
    ...{ kitchen: `sonos:${RINCON}`, den: `cast:${HEX}`, tele: 'upnp:tele upnp:one' },
    ...{ remote: 'upnp:one', main: '', zone2: '', wild: '' },
  });
});

describe('what is shown', () => {
  let shown: Shown;
  afterEach(() => shown.close());

  it('is the nearest, also while it restarts, and again the other one when it stays away', () => {
    let nowMs = 10_000;
    const assistant = one('home-assistant', 'Küche', null, null, `sonos:${RINCON}`);
    let speakers = [assistant];
    const told: string[][] = [];
    shown = createShown({
      speakers: () => speakers,
      now: () => nowMs,
      onChange: (ids) => told.push([...ids]),
    });
    const after = (ms: number, next = speakers): boolean[] => {
      [nowMs, speakers] = [nowMs + ms, next];
      shown.look();
      return [shown.has(sonos.id), shown.has(assistant.id)];
    };
    // What the LAN may still tell of by itself is waited for.
    expect(after(0)[1]).toBe(false);
    expect(after(5_001)[1]).toBe(true);
    expect(after(0, [assistant, sonos])).toEqual([true, false]);
    expect(after(60_000, [assistant])[1]).toBe(false);
    expect(after(0, [assistant, sonos])).toEqual([true, false]);
    expect(after(119_000, [assistant])[1]).toBe(false);
    expect(after(2_000)[1]).toBe(true);
    expect(told).toEqual([[assistant.id], [assistant.id], [assistant.id], [assistant.id]]);
  });
});
