/** One DLNA renderer (UPnP AVTransport:1, RenderingControl:1): looked at, and told what to do. */
import { setTimeout as pause } from 'node:timers/promises';
import { createLooking } from '../looking.ts';
import { type DriverSpeaker, SpeakerError, type StreamOrder } from '../port.ts';
import { upnpKey } from '../same.ts';
import { OUT_OF_REACH } from '../within.ts';
import { childText, escapeXml, findXml, parseXml } from '../xml.ts';
import { describe, type Description, type Service } from './description.ts';
import type { Events, Subscription } from './events.ts';
import { soap, UpnpError } from './soap.ts';

const MAX_TITLE = 200;
/** How long what was just loaded may take to be ready, and how often that is tried. */
const GETS_READY_MS = 3_000;
const READY_EVERY_MS = 400;
/** Of a live stream without end (FACTS.md, "Loudspeakers"). */
const PROTOCOL_INFO =
  'http-get:*:audio/mpeg:DLNA.ORG_PN=MP3;DLNA.ORG_OP=00;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=81700000000000000000000000000000';

const STATES: Readonly<Record<string, DriverSpeaker['state']>> = {
  PLAYING: 'playing',
  TRANSITIONING: 'buffering',
  STOPPED: 'stopped',
  PAUSED_PLAYBACK: 'stopped',
  PAUSED_RECORDING: 'stopped',
  RECORDING: 'stopped',
  NO_MEDIA_PRESENT: 'idle',
};

export interface Renderer {
  /** Of the description that it was opened by. */
  readonly location: string;
  readonly speaker: DriverSpeaker;
  /** Soon: something may have changed. */
  look(): void;
  /** Somebody says that it is elsewhere. */
  doubt(): void;
  play(order: StreamOrder): Promise<void>;
  stop(): Promise<void>;
  setVolume(volume: number): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  /** @param leave takes back what was asked of the device: events */
  close(leave: boolean): void;
}

export interface RendererOptions {
  description: Description;
  events: Events;
  now: () => number;
  onChange(): void;
  /** It answers no longer, or has restarted. Told once, after which nothing else is. */
  onLost(): void;
}

/** What a device writes that has nothing to tell there (UPnP AVTransport:1, table 1). */
const known = (text: string): string => (text === 'NOT_IMPLEMENTED' ? '' : text);

/** What plays, as far as the device tells; an action that it does not know tells nothing. */
async function optional<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof UpnpError) return null;
    throw error;
  }
}

async function observe(description: Description): Promise<DriverSpeaker> {
  const { transport, rendering, volumeSteps } = description;
  const info = await soap(transport, 'GetTransportInfo');
  const media = await optional(soap(transport, 'GetMediaInfo'));
  const master = { Channel: 'Master' };
  const volume = rendering && (await optional(soap(rendering, 'GetVolume', master)));
  const mute = rendering && (await optional(soap(rendering, 'GetMute', master)));

  const said = STATES[childText(info, 'CurrentTransportState')] ?? 'stopped';
  const isBroken = childText(info, 'CurrentTransportStatus') === 'ERROR_OCCURRED';
  const state = isBroken && said !== 'playing' && said !== 'buffering' ? 'error' : said;
  const loaded = media === null ? '' : known(childText(media, 'CurrentURI'));
  // Some tell it only of the track.
  const track = loaded === '' && said !== 'idle' ? await optional(soap(transport, 'GetPositionInfo')) : null;
  const url = (loaded || (track === null ? '' : known(childText(track, 'TrackURI')))).slice(0, 2_000);
  const about =
    parseXml(media === null ? '' : childText(media, 'CurrentURIMetaData')) ??
    parseXml(track === null ? '' : childText(track, 'TrackMetaData'));
  const title = (findXml(about, 'title')?.text ?? '').slice(0, MAX_TITLE);
  const loud = volume === null ? Number.NaN : Number.parseInt(childText(volume, 'CurrentVolume'), 10);
  const muted = mute === null ? '' : childText(mute, 'CurrentMute');
  return {
    id: description.id,
    name: description.name,
    model: description.model,
    area: null,
    group: null,
    ensemble: null,
    can: { volume: Number.isFinite(loud), mute: muted !== '', delay: false, announce: false },
    state: state === 'stopped' && url === '' ? 'idle' : state,
    url: url === '' || state === 'idle' ? null : url,
    title: title === '' || state === 'idle' ? null : title,
    volume: Number.isFinite(loud) ? Math.min(1, Math.max(0, loud / volumeSteps)) : null,
    muted: muted === '' ? null : muted === '1' || muted.toLowerCase() === 'true',
    delayMs: null,
    error: state === 'error' ? 'It could not go on playing the stream.' : null,
    address: description.host,
    marks: { host: description.host, keys: [upnpKey(description.udn)] },
  };
}

/** Resolves once it is known how the device does. @throws LanError when it does not answer */
export async function openRenderer(options: RendererOptions): Promise<Renderer> {
  const { description, events, now, onChange, onLost } = options;
  const { transport, rendering, host, localAddress, location, udn } = description;
  const looking = createLooking({
    first: await observe(description),
    observe: () => observe(description),
    isSame: async () => (await describe(location)).udn === udn,
    subscribe: (look) =>
      [transport, rendering].flatMap((service: Service | null): Subscription[] =>
        service?.eventUrl == null
          ? []
          : [events.subscribe({ eventUrl: service.eventUrl, host, localAddress, onEvent: look })],
      ),
    now,
    onChange,
    onLost,
  });

  async function told(work: () => Promise<unknown>): Promise<void> {
    try {
      await looking.told(work);
    } catch (error) {
      if (error instanceof SpeakerError) throw error;
      throw new SpeakerError(OUT_OF_REACH, { cause: error });
    }
  }

  function sounding(): Service {
    if (rendering === null) throw new SpeakerError('Its volume cannot be set from here.');
    return rendering;
  }

  /** Many need a moment between what they are given and its beginning, and say 701 meanwhile. */
  async function begin(): Promise<void> {
    const endsAtMs = now() + GETS_READY_MS;
    for (;;) {
      try {
        await soap(transport, 'Play', { Speed: '1' });
        return;
      } catch (error) {
        if (!(error instanceof UpnpError) || error.code !== 701 || now() > endsAtMs) throw error;
      }
      await pause(READY_EVERY_MS);
    }
  }

  return {
    location,
    get speaker() {
      return looking.seen;
    },
    look: looking.look,
    doubt: looking.doubt,
    play: (order) =>
      told(async () => {
        const url = order.url(localAddress);
        const CurrentURIMetaData = metadata(url, order.title);
        const load = (): Promise<unknown> =>
          soap(transport, 'SetAVTransportURI', { CurrentURI: url, CurrentURIMetaData }, 5_000);
        try {
          await load();
        } catch (error) {
          // Some take nothing new while they play.
          if (!(error instanceof UpnpError) || ![701, 705].includes(error.code)) throw error;
          await soap(transport, 'Stop', {}, 1_500);
          await load();
        }
        await begin();
      }),
    stop: () =>
      told(async () => {
        try {
          await soap(transport, 'Stop');
        } catch (error) {
          // What is silent already has nothing to stop.
          if (!(error instanceof UpnpError) || error.code !== 701) throw error;
        }
      }),
    setVolume: (volume) =>
      told(() =>
        soap(sounding(), 'SetVolume', {
          Channel: 'Master',
          DesiredVolume: String(Math.round(volume * description.volumeSteps)),
        }),
      ),
    setMuted: (muted) =>
      told(() => soap(sounding(), 'SetMute', { Channel: 'Master', DesiredMute: muted ? '1' : '0' })),
    close: looking.close,
  };
}

/** DIDL-Lite (UPnP ContentDirectory:1): some play nothing that they were told nothing of. */
function metadata(url: string, title: string): string {
  return (
    '<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:dc="http://purl.org/dc/elements/1.1/" ' +
    'xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/"><item id="earshot" parentID="0" restricted="1">' +
    `<dc:title>${escapeXml(title)}</dc:title><upnp:class>object.item.audioItem.audioBroadcast</upnp:class>` +
    `<res protocolInfo="${PROTOCOL_INFO}">${escapeXml(url)}</res></item></DIDL-Lite>`
  );
}
