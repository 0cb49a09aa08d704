/** One DLNA renderer (UPnP AVTransport:1, RenderingControl:1): looked at, and told what to do. */
import { type DriverSpeaker, SpeakerError, type StreamOrder } from '../port.ts';
import { OUT_OF_REACH } from '../within.ts';
import { childText, escapeXml, findXml, parseXml } from '../xml.ts';
import type { Description, Service } from './description.ts';
import type { Events, Subscription } from './events.ts';
import { soap, UpnpError } from './soap.ts';

/** How often it is looked at: when it tells of changes by itself, when it does not, and just after it was told something. */
const LOOK_MS = 8_000;
const LOOK_WITHOUT_EVENTS_MS = 2_000;
const LOOK_BUSY_MS = 500;
const BUSY_MS = 8_000;
/** So that a device that tells of changes all the time is not asked all the time. */
const LEAST_LOOK_MS = 100;
const AFTER_FAILURE_MS = 1_000;
/** So many looks in a row that fail, and it is gone. */
const GONE_AFTER = 3;
const MAX_TITLE = 200;
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
  readonly speaker: DriverSpeaker;
  /** Soon: something may have changed. */
  look(): void;
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
  const url = media === null ? '' : childText(media, 'CurrentURI').slice(0, 2_000);
  const about = media === null ? null : parseXml(childText(media, 'CurrentURIMetaData'));
  const title = (findXml(about, 'title')?.text ?? '').slice(0, MAX_TITLE);
  const loud = volume === null ? Number.NaN : Number.parseInt(childText(volume, 'CurrentVolume'), 10);
  const muted = mute === null ? '' : childText(mute, 'CurrentMute');
  return {
    id: description.id,
    name: description.name,
    model: description.model,
    area: null,
    group: null,
    can: { volume: Number.isFinite(loud), mute: muted !== '', delay: false, announce: false },
    state: state === 'stopped' && url === '' ? 'idle' : state,
    url: url === '' || state === 'idle' ? null : url,
    title: title === '' || state === 'idle' ? null : title,
    volume: Number.isFinite(loud) ? Math.min(1, Math.max(0, loud / volumeSteps)) : null,
    muted: muted === '' ? null : muted === '1' || muted.toLowerCase() === 'true',
    delayMs: null,
    error: state === 'error' ? 'It could not go on playing the stream.' : null,
    address: description.host,
  };
}

/** Resolves once it is known how the device does. @throws LanError when it does not answer */
export async function openRenderer(options: RendererOptions): Promise<Renderer> {
  const { description, events, now, onChange, onLost } = options;
  const { transport, rendering, host, localAddress } = description;
  let speaker = await observe(description);
  let failures = 0;
  let isLooking = false;
  let isAsked = false;
  let closed = false;
  let busyUntilMs = 0;
  let timer: NodeJS.Timeout | null = null;

  const subscriptions = [transport, rendering].flatMap((service: Service | null): Subscription[] =>
    service?.eventUrl == null
      ? []
      : [events.subscribe({ eventUrl: service.eventUrl, host, localAddress, onEvent: look })],
  );

  function pauseMs(): number {
    if (failures > 0) return AFTER_FAILURE_MS;
    if (isAsked) return LEAST_LOOK_MS;
    if (now() < busyUntilMs) return LOOK_BUSY_MS;
    return subscriptions.length > 0 && subscriptions.every(({ works }) => works)
      ? LOOK_MS
      : LOOK_WITHOUT_EVENTS_MS;
  }

  function after(ms: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => void lookNow(), ms);
  }

  function look(): void {
    if (closed) return;
    isAsked = true;
    if (!isLooking) after(LEAST_LOOK_MS);
  }

  /** It has fallen silent by itself: somebody's hand, or a restart so short that nothing else of it was noticed? */
  async function hasRestarted(next: DriverSpeaker): Promise<boolean> {
    if (speaker.state !== 'playing' || next.state === 'playing' || next.state === 'buffering') return false;
    const known = await Promise.all(subscriptions.map((subscription) => subscription.check()));
    return known.includes(false);
  }

  async function lookNow(): Promise<void> {
    isLooking = true;
    isAsked = false;
    try {
      const next = await observe(description);
      const isNew = await hasRestarted(next);
      failures = 0;
      if (closed) return;
      if (isNew) return lose();
      if (JSON.stringify(next) !== JSON.stringify(speaker)) {
        speaker = next;
        onChange();
      }
    } catch {
      failures++;
      if (!closed && failures >= GONE_AFTER) return lose();
    } finally {
      isLooking = false;
      if (!closed) after(pauseMs());
    }
  }

  function close(leave: boolean): void {
    if (closed) return;
    closed = true;
    if (timer !== null) clearTimeout(timer);
    for (const subscription of subscriptions) subscription.close(leave);
  }

  function lose(): void {
    close(false);
    onLost();
  }

  async function told(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof SpeakerError) throw error;
      throw new SpeakerError(OUT_OF_REACH, { cause: error });
    } finally {
      busyUntilMs = now() + BUSY_MS;
      look();
    }
  }

  function sounding(): Service {
    if (rendering === null) throw new SpeakerError('Its volume cannot be set from here.');
    return rendering;
  }

  after(pauseMs());
  return {
    get speaker() {
      return speaker;
    },
    look,
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
        await soap(transport, 'Play', { Speed: '1' });
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
    close,
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
