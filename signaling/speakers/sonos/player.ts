/** One Sonos player: looked at, and told what to do. Its services lie at the same paths on every model. */
import { type Service } from '../dlna/description.ts';
import type { Events, Subscription } from '../dlna/events.ts';
import { soap, UpnpError } from '../dlna/soap.ts';
import { LanError, lanHost, lanRequest } from '../lan-request.ts';
import { createLooking } from '../looking.ts';
import type { DriverSpeaker } from '../port.ts';
import { childText, escapeXml, findXml, parseXml } from '../xml.ts';
import { parseTopology, type Zone } from './topology.ts';

/** Internet radio: shown as such, and not dropped when the stream is silent for a moment. */
const RADIO = 'x-rincon-mp3radio://';
/** Of a member: whom it follows. */
const FOLLOWS = 'x-rincon:';

const STATES: Readonly<Record<string, DriverSpeaker['state']>> = {
  PLAYING: 'playing',
  TRANSITIONING: 'buffering',
  PAUSED_PLAYBACK: 'stopped',
  STOPPED: 'stopped',
};

/** What it says of itself; of a member that follows, `state`, `url` and `title` mean nothing. */
export interface Seen {
  state: DriverSpeaker['state'];
  url: string | null;
  title: string | null;
  volume: number | null;
  muted: boolean | null;
}

/** What it plays, so that it can be given back. */
export interface Before {
  uri: string;
  metadata: string;
  isPlaying: boolean;
  /** Of a queue or a file: where it was. */
  track: string;
  time: string;
}

export interface Player {
  readonly host: string;
  readonly localAddress: string;
  readonly model: string | null;
  readonly seen: Seen;
  readonly location: string;
  look(): void;
  /** Somebody says that it is elsewhere. */
  doubt(): void;
  /** Until `seen` is what it does now. @throws LanError, UpnpError */
  lookAgain(): Promise<void>;
  /** @throws LanError, UpnpError */
  topology(): Promise<Zone[]>;
  play(url: string, title: string): Promise<void>;
  stop(): Promise<void>;
  setVolume(volume: number): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  /** Out of its group, to play by itself. */
  alone(): Promise<void>;
  before(): Promise<Before>;
  /** A sound with an end, once. */
  playOnce(url: string): Promise<void>;
  /** PLAYING, STOPPED, … and whose sound it is. */
  transport(): Promise<{ state: string; uri: string }>;
  giveBack(before: Before): Promise<void>;
  close(leave: boolean): void;
}

export interface PlayerOptions {
  /** `RINCON_…` */
  uuid: string;
  location: string;
  events: Events;
  now: () => number;
  onChange(): void;
  onTopology(): void;
  onLost(): void;
}

function serviceAt(origin: string, path: string, name: string): Service {
  return {
    type: `urn:schemas-upnp-org:service:${name}:1`,
    controlUrl: `${origin}${path}/${name}/Control`,
    eventUrl: `${origin}${path}/${name}/Event`,
  };
}

/** Every player of the house, as the one at this address knows them. @throws LanError, UpnpError */
export async function topologyAt(location: string): Promise<Zone[]> {
  const service = serviceAt(new URL(location).origin, '', 'ZoneGroupTopology');
  const answer = await soap(service, 'GetZoneGroupState', { InstanceID: null });
  return parseTopology(childText(answer, 'ZoneGroupState'));
}

/** The radio's address as everybody else writes it. */
export const plainUrl = (uri: string): string =>
  uri.startsWith(RADIO) ? `http://${uri.slice(RADIO.length)}` : uri;

/** Who answers there. @throws LanError */
async function identify(location: string): Promise<{ udn: string; model: string; localAddress: string }> {
  const { status, body, localAddress } = await lanRequest({ url: location });
  if (status !== 200) throw new LanError(`its description: ${status}`);
  const tree = parseXml(body);
  const text = (name: string): string => (findXml(tree, name)?.text ?? '').slice(0, 100);
  return { udn: text('UDN'), model: text('modelName'), localAddress };
}

/** Resolves once it is known how the player does. @throws LanError when it does not answer */
export async function openPlayer(options: PlayerOptions): Promise<Player> {
  const { uuid, location, events, now, onChange, onTopology, onLost } = options;
  const host = lanHost(location);
  if (host === null) throw new LanError('not an address of the LAN');
  const { origin } = new URL(location);
  const transport = serviceAt(origin, '/MediaRenderer', 'AVTransport');
  const rendering = serviceAt(origin, '/MediaRenderer', 'RenderingControl');
  const zones = serviceAt(origin, '', 'ZoneGroupTopology');
  const { udn, model, localAddress } = await identify(location);
  // Addresses change hands, and anybody may say where a player is.
  if (udn !== `uuid:${uuid}`) throw new LanError('another device');

  async function observe(): Promise<Seen> {
    const info = await soap(transport, 'GetTransportInfo');
    const media = await soap(transport, 'GetMediaInfo');
    const volume = Number.parseInt(
      childText(await soap(rendering, 'GetVolume', { Channel: 'Master' }), 'CurrentVolume'),
      10,
    );
    const muted = childText(await soap(rendering, 'GetMute', { Channel: 'Master' }), 'CurrentMute');
    const uri = childText(media, 'CurrentURI').slice(0, 2_000);
    const title = findXml(parseXml(childText(media, 'CurrentURIMetaData')), 'title')?.text ?? '';
    const said = STATES[childText(info, 'CurrentTransportState')] ?? 'stopped';
    const state = said === 'stopped' && uri === '' ? 'idle' : said;
    return {
      state,
      url: uri === '' ? null : plainUrl(uri),
      title: title === '' ? null : title.slice(0, 200),
      volume: Number.isFinite(volume) ? Math.min(1, Math.max(0, volume / 100)) : null,
      muted: muted === '' ? null : muted === '1',
    };
  }

  const subscribe = (service: Service, onEvent: () => void): Subscription =>
    events.subscribe({ eventUrl: service.eventUrl ?? '', host, localAddress, onEvent });
  const looking = createLooking({
    first: await observe(),
    observe,
    isSame: async () => (await identify(location)).udn === udn,
    subscribe: (look) => [
      subscribe(transport, look),
      subscribe(rendering, look),
      subscribe(zones, onTopology),
    ],
    now,
    onChange,
    onLost,
  });
  const { told } = looking;

  async function load(uri: string, metadata: string): Promise<void> {
    await soap(transport, 'SetAVTransportURI', { CurrentURI: uri, CurrentURIMetaData: metadata }, 5_000);
  }
  const begin = (): Promise<unknown> => soap(transport, 'Play', { Speed: '1' });

  /** What is silent already has nothing to stop (701). */
  async function stop(): Promise<void> {
    try {
      await soap(transport, 'Stop');
    } catch (error) {
      if (!(error instanceof UpnpError) || error.code !== 701) throw error;
    }
  }

  async function giveBack({ uri, metadata, isPlaying, track, time }: Before): Promise<void> {
    if (uri === '') return stop();
    await load(uri, metadata);
    // A radio has no place to go back to; what cannot be sought goes on from its beginning.
    if (!uri.startsWith(RADIO)) {
      for (const [Unit, Target] of [
        ['TRACK_NR', track],
        ['REL_TIME', time],
      ] as const)
        if (/^[1-9]\d*$|^\d+:\d\d:\d\d$/.test(Target))
          await soap(transport, 'Seek', { Unit, Target }).catch(() => undefined);
    }
    if (isPlaying) await begin();
  }

  return {
    host,
    location,
    localAddress,
    model: model === '' ? null : model,
    get seen() {
      return looking.seen;
    },
    look: looking.look,
    doubt: looking.doubt,
    lookAgain: looking.lookAgain,
    topology: () => topologyAt(location),
    play: (url, title) =>
      told(async () => {
        await load(url.replace(/^http:\/\//, RADIO), radioMetadata(title));
        await begin();
      }),
    stop: () => told(stop),
    setVolume: (volume) =>
      told(() =>
        soap(rendering, 'SetVolume', { Channel: 'Master', DesiredVolume: String(Math.round(volume * 100)) }),
      ),
    setMuted: (muted) =>
      told(() => soap(rendering, 'SetMute', { Channel: 'Master', DesiredMute: muted ? '1' : '0' })),
    alone: () => told(() => soap(transport, 'BecomeCoordinatorOfStandaloneGroup')),
    async before() {
      const media = await soap(transport, 'GetMediaInfo');
      const position = await soap(transport, 'GetPositionInfo');
      const info = await soap(transport, 'GetTransportInfo');
      return {
        uri: childText(media, 'CurrentURI'),
        metadata: childText(media, 'CurrentURIMetaData'),
        isPlaying: ['PLAYING', 'TRANSITIONING'].includes(childText(info, 'CurrentTransportState')),
        track: childText(position, 'Track'),
        time: childText(position, 'RelTime'),
      };
    },
    playOnce: (url) =>
      told(async () => {
        await load(url, '');
        await begin();
      }),
    async transport() {
      const info = await soap(transport, 'GetTransportInfo');
      const media = await soap(transport, 'GetMediaInfo');
      return { state: childText(info, 'CurrentTransportState'), uri: childText(media, 'CurrentURI') };
    },
    giveBack: (before) => told(() => giveBack(before)),
    close: looking.close,
  };
}

/** What is shown while it plays; `SA_RINCON65031_` is what every player knows as a station of nobody's account. */
function radioMetadata(title: string): string {
  return (
    '<DIDL-Lite xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/" ' +
    'xmlns:r="urn:schemas-rinconnetworks-com:metadata-1-0/" xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/">' +
    '<item id="R:0/0/0" parentID="R:0/0" restricted="true">' +
    `<dc:title>${escapeXml(title)}</dc:title><upnp:class>object.item.audioItem.audioBroadcast</upnp:class>` +
    '<desc id="cdudn" nameSpace="urn:schemas-rinconnetworks-com:metadata-1-0/">SA_RINCON65031_</desc></item></DIDL-Lite>'
  );
}

/** Null: it leads itself. */
export const followed = (url: string | null): string | null =>
  url?.startsWith(FOLLOWS) === true ? url.slice(FOLLOWS.length) : null;
