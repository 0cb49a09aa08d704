/** One Cast device, or one group of them: looked at, and told what to do. */
import { pathOfVariant } from '../../stream/variants.ts';
import { type Announcement, DEED_MS, type DriverSpeaker, SpeakerError, type StreamOrder } from '../port.ts';
import { OUT_OF_REACH } from '../within.ts';
import { type CastChannel, type CastConnection, PLATFORM_ENDS } from './connection.ts';
import { type Announcing, createAnnouncing, type Load, metadataOf, type Sound } from './announcing.ts';
import {
  type Application,
  CastRefusal,
  DEFAULT_MEDIA_RECEIVER,
  isPlayer,
  MEDIA,
  type Media,
  MediaStatus,
  MULTIZONE,
  MultizoneChange,
  MultizoneStatus,
  RECEIVER,
  ReceiverStatus,
  refusalWords,
  understand,
} from './messages.ts';

/** To answer, and to bring up its player: a small one takes seconds. */
const ANSWER_MS = 3_000;
const LAUNCH_MS = 6_000;
const SETTLED_BEFORE_MS = 500;

/** What the LAN says of it. */
export interface CastFound {
  /** 32 hexadecimal digits. */
  deviceId: string;
  name: string;
  model: string | null;
  isGroup: boolean;
  address: string;
  port: number;
}

export interface CastDevice {
  /** What was said of it when it was opened. */
  readonly found: CastFound;
  readonly speaker: DriverSpeaker;
  /** Of a group: the deviceIds of its members. */
  readonly members: readonly string[];
  play(order: StreamOrder): Promise<void>;
  stop(): Promise<void>;
  setVolume(level: number): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  /** Plays this once, and gives back what played before. Resolves when it has begun. */
  announce(announcement: Announcement): Promise<void>;
  close(): void;
}

export const hexId = (id: string): string => id.toLowerCase().replaceAll(/[^0-9a-f]/g, '');

/** `/stream.mp3` as bare samples: the device fills a buffer of bytes before it begins, 22 s of the one and 2 s of the other. */
export function quickStream(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (!parsed.pathname.endsWith('.mp3')) return url;
  parsed.pathname = pathOfVariant(parsed.pathname, 'wav');
  return parsed.href;
}

/** Resolves once it is known how the device does. */
export async function openCastDevice(
  found: CastFound,
  connection: CastConnection,
  now: () => number,
  onChange: () => void,
): Promise<CastDevice> {
  let receiver: ReceiverStatus = { applications: [] };
  let media: Media | null = null;
  let player: { transportId: string; channel: CastChannel } | null = null;
  let members: string[] = [];
  let closed = false;
  let sources = 0;
  const waiting = new Set<() => void>();
  const announcing: Announcing = createAnnouncing({
    isOthers: () => running() !== null && running()?.appId !== DEFAULT_MEDIA_RECEIVER,
    ...{ sound, load, stop, until, now },
    media: () => media,
    isClosed: () => closed,
    onChange: () => changed(),
  });
  let speaker = describe();

  const running = (): Application | null =>
    receiver.applications.find((application) => application.isIdleScreen !== true) ?? null;

  function sound(): Sound {
    const application = receiver.applications.find(({ isIdleScreen }) => isIdleScreen !== true) ?? null;
    const state = stateOf(application);
    if (state === 'idle' || state === 'error') return { state, url: null, title: null };
    const { contentUrl, contentId, metadata } = media?.media ?? {};
    return {
      state,
      url: contentUrl ?? contentId ?? null,
      title: metadata?.title ?? application?.displayName ?? null,
    };
  }

  function describe(): DriverSpeaker {
    const { volume } = receiver;
    const { state, url, title } = announcing.shown ?? sound();
    const isAdjustable = volume !== undefined && volume.controlType?.toLowerCase() !== 'fixed';
    return {
      id: `cast:${found.deviceId}`,
      name: found.name,
      model: found.model,
      area: null,
      group: null,
      ensemble: null,
      can: { volume: isAdjustable, mute: volume !== undefined, delay: false, announce: true },
      state,
      url,
      title,
      volume: volume?.level ?? null,
      muted: volume?.muted ?? null,
      delayMs: null,
      error: state === 'error' ? brokenOff() : null,
      // Of a group another member may fetch.
      address: found.isGroup ? null : found.address,
      marks: { host: found.isGroup ? null : found.address, keys: [`cast:${found.deviceId}`] },
    };
  }

  function stateOf(application: Application | null): DriverSpeaker['state'] {
    if (application === null || !isPlayer(application)) return 'idle';
    switch (media?.playerState) {
      case 'PLAYING':
        return 'playing';
      case 'BUFFERING':
      case 'LOADING':
        return 'buffering';
      case 'PAUSED':
        return 'stopped';
      default:
        return brokenOff() === null ? 'idle' : 'error';
    }
  }

  /** Why it fell silent by itself, in plain words; null: it did not. What is live has no end of its own. */
  function brokenOff(): string | null {
    if (media?.idleReason === 'ERROR') return 'It could not go on playing the stream.';
    const isLive = media?.media?.streamType === 'LIVE';
    return media?.idleReason === 'FINISHED' && isLive ? 'The stream broke off.' : null;
  }

  function changed(): void {
    if (closed) return;
    const next = describe();
    for (const wake of [...waiting]) wake();
    if (JSON.stringify(next) === JSON.stringify(speaker)) return;
    speaker = next;
    onChange();
  }

  function hearReceiver(data: unknown): void {
    const status = understand(ReceiverStatus, data)?.status;
    if (status === undefined || closed) return;
    receiver = status;
    follow();
    changed();
  }

  /** What plays is told by the player, which is another one for each application. */
  function follow(): void {
    const application = running();
    const transportId =
      application !== null && isPlayer(application) ? (application.transportId ?? null) : null;
    if (player?.transportId === transportId || (player === null && transportId === null)) return;
    player?.channel.close();
    player = null;
    media = null;
    if (transportId === null) return;
    const ends = { sourceId: `sender-earshot-${++sources}`, destinationId: transportId };
    const channel = connection.channel(ends, MEDIA, hearMedia);
    player = { transportId, channel };
    channel.send({ type: 'GET_STATUS' });
  }

  function hearMedia(data: unknown): void {
    const said = understand(MediaStatus, data);
    if (said === null || closed) return;
    const next = said.status[0] ?? null;
    const isSame = next !== null && next.mediaSessionId === media?.mediaSessionId;
    media = next === null ? null : { ...next, media: next.media ?? (isSame ? media?.media : null) };
    changed();
  }

  const control = connection.channel(PLATFORM_ENDS, RECEIVER, hearReceiver);
  const zones = found.isGroup
    ? connection.channel(PLATFORM_ENDS, MULTIZONE, (data) => {
        const status = understand(MultizoneStatus, data)?.status;
        if (status !== undefined) {
          members = status.devices.map(({ deviceId }) => hexId(deviceId));
          if (!closed) onChange();
        } else if (understand(MultizoneChange, data) !== null) askZones();
      })
    : null;
  const askZones = (): void => zones?.send({ type: 'GET_STATUS' });

  /** @throws SpeakerError when it refuses, or does not answer in time */
  async function ask(channel: CastChannel, data: Record<string, unknown>, timeoutMs: number): Promise<void> {
    const answer = await channel.ask(data, timeoutMs).catch((error: unknown) => {
      throw new SpeakerError(OUT_OF_REACH, { cause: error });
    });
    const refusal = understand(CastRefusal, answer);
    if (refusal !== null) throw new SpeakerError(refusalWords(refusal));
  }

  /** Until then it may still launch. */
  function until(condition: () => boolean, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (finish: () => void): void => {
        waiting.delete(look);
        clearTimeout(timer);
        finish();
      };
      const look = (): void => {
        if (closed || condition()) end(resolve);
      };
      const timer = setTimeout(
        () =>
          end(() =>
            reject(new SpeakerError('Its player did not start. Switch the device off and on at its plug.')),
          ),
        Math.max(0, deadlineMs - now()),
      );
      waiting.add(look);
      look();
    });
  }

  /** Brings up the usual player, and gives it this. */
  async function load(what: Load): Promise<void> {
    const deadlineMs = now() + DEED_MS - SETTLED_BEFORE_MS;
    const isOurs = (): boolean => running()?.appId === DEFAULT_MEDIA_RECEIVER && player !== null;
    if (!isOurs()) {
      await ask(control, { type: 'LAUNCH', appId: DEFAULT_MEDIA_RECEIVER }, LAUNCH_MS);
      await until(isOurs, deadlineMs - ANSWER_MS);
    }
    if (player === null) throw new SpeakerError(OUT_OF_REACH);
    await ask(player.channel, { type: 'LOAD', ...what }, Math.max(500, deadlineMs - now()));
  }

  async function play(order: StreamOrder): Promise<void> {
    announcing.drop();
    const url = quickStream(order.url(connection.localAddress));
    const contentType = new URL(url).pathname.endsWith('.wav') ? 'audio/wav' : 'audio/mpeg';
    const metadata = metadataOf(order.title);
    await load({ autoplay: true, media: { contentId: url, contentType, streamType: 'LIVE', metadata } });
  }

  async function stop(): Promise<void> {
    const application = running();
    if (application === null) return;
    await ask(control, { type: 'STOP', sessionId: application.sessionId }, ANSWER_MS);
  }

  async function setVolume(volume: { level: number } | { muted: boolean }): Promise<void> {
    await ask(control, { type: 'SET_VOLUME', volume }, ANSWER_MS);
  }

  function close(): void {
    if (closed) return;
    closed = true;
    for (const wake of [...waiting]) wake();
    player?.channel.close();
    control.close();
    zones?.close();
    connection.close();
  }

  try {
    await ask(control, { type: 'GET_STATUS' }, ANSWER_MS);
  } catch (error) {
    close();
    throw error;
  }
  askZones();
  return {
    found,
    get speaker() {
      return speaker;
    },
    get members() {
      return members;
    },
    play,
    async stop() {
      announcing.drop();
      await stop();
    },
    announce: ({ url, durationMs }) => announcing.announce(url(connection.localAddress), durationMs),
    setVolume: (level) => setVolume({ level }),
    setMuted: (muted) => setVolume({ muted }),
    close,
  };
}
