import type { RoomClock } from '../../../app/clock/clock.ts';
import { createPlayer, type Player } from '../../../app/playback/player.ts';
import type { Moment } from '../../../app/playback/timeline.ts';
import { base64 } from './base64.ts';
import { overHoles } from './holes.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { measureBySamples, type Ruler } from './ruler.ts';
import type { ByteSource } from '../../../app/library/library.ts';
import { bytesOf, fileSource, memorySource } from './source.ts';

interface Rig {
  context: AudioContext;
  player: Player;
  recorder: Recorder;
  sources: Map<string, ReturnType<typeof memorySource>>;
  states: string[];
  opened: string[];
}
let rig: Rig | null = null;
function current(): Rig {
  if (!rig) throw new Error('no player');
  return rig;
}
/** Files outside of the page's memory, by track. */
const files = new Map<string, { source: ByteSource; seekIndex: string | undefined }>();
let roomOffsetMs = 0;
let followedAtMs = 0;
let leastTimerMs = 0;
const setTimer = window.setTimeout.bind(window);
window.setTimeout = ((run: () => void, ms = 0) =>
  setTimer(run, Math.max(ms, leastTimerMs))) as typeof setTimeout;
/** Decoders that the browser keeps for this page. */
let decoders = 0;
const Native = window.AudioDecoder;
class CountedDecoder extends Native {
  constructor(init: AudioDecoderInit) {
    super(init);
    decoders++;
  }
  override close(): void {
    if (this.state !== 'closed') decoders--;
    super.close();
  }
}
window.AudioDecoder = CountedDecoder;
let ruler: Ruler = 'output';
const localNowMs = (): number => performance.timeOrigin + performance.now();
const clockListeners = new Set<() => void>();

/** The room's time on this page: the local one, and what `shiftRoom` added. */
export const localClock: RoomClock = {
  nowMs: () => localNowMs() + roomOffsetMs,
  toLocalMs: (roomMs) => roomMs - roomOffsetMs,
  estimate: null,
  onChange: (listener) => {
    clockListeners.add(listener);
    return () => clockListeners.delete(listener);
  },
};

/** A player whose output is recorded, in place of the one before. */
export async function startPlayer(
  options: Pick<Parameters<typeof createPlayer>[0], 'open' | 'gainDb' | 'seekIndex'>,
): Promise<Player> {
  rig?.player.close();
  await rig?.context.close();
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  if (ruler === 'context') measureBySamples(context);
  const recorder = await createRecorder(context);
  const opened: string[] = [];
  const player = createPlayer({
    ...options,
    context,
    clock: localClock,
    destination: recorder.node,
    open(trackId) {
      opened.push(trackId);
      return options.open(trackId);
    },
  });
  const states: string[] = [];
  player.onState((state) => {
    if (states.at(-1) !== state.kind) states.push(state.kind);
  });
  rig = { context, player, recorder, sources: new Map(), states, opened };
  return player;
}

export const playerBench = {
  /** A player whose output is recorded; `available` limits what of a track is here (bytes). */
  async makePlayer(
    tracks: Record<string, string>,
    available: Record<string, number> = {},
    breaks: Record<string, { atByte: number; times: number }> = {},
  ) {
    const data = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const [trackId, url] of Object.entries(tracks)) data.set(trackId, await bytesOf(url));
    await startPlayer({
      open: (trackId) => {
        const file = files.get(trackId);
        if (file) return file.source;
        const bytes = data.get(trackId);
        if (!bytes) return null;
        const source = memorySource(bytes, available[trackId] ?? bytes.length);
        current().sources.set(trackId, source);
        const fault = breaks[trackId];
        if (fault && fault.times-- > 0) source.breakAt(fault.atByte);
        return source;
      },
      seekIndex: (trackId) => files.get(trackId)?.seekIndex,
    });
  },
  /** Makes a track of a file that stays outside of the page's memory, for every player from now on. */
  async addFile(trackId: string, url: string, seekIndex: string | undefined) {
    files.set(trackId, { source: await fileSource(url), seekIndex });
  },
  /** Follows a moment that began `positionMs` ago; resolves with the ms until it is heard. */
  followFrom(item: Moment['item'], positionMs: number): Promise<number> {
    const { player } = current();
    const startMs = performance.now();
    return new Promise((resolve) => {
      const off = player.onState((state) => {
        if (state.kind !== 'playing' || state.trackId !== item.trackId) return;
        off();
        resolve(performance.now() - startMs);
      });
      const startedAtMs = localClock.nowMs() - positionMs;
      followedAtMs = startedAtMs;
      player.follow({ item, index: 0, positionMs, playing: true, startedAtMs, fading: null, next: null });
    });
  },
  /** Holds for every player that is made from now on. */
  setRuler(by: Ruler) {
    ruler = by;
  },
  roomNowMs: localClock.nowMs,
  shiftRoom(ms: number) {
    roomOffsetMs += ms;
    for (const listener of clockListeners) listener();
  },
  setTrim: (trimMs: number) => current().player.setTrim(trimMs),
  follow: (moment: Moment | null, soon?: readonly string[]) => current().player.follow(moment, soon),
  wasRead: (trackId: string) => current().sources.get(trackId)?.readBytes() ?? 0,
  isReading: (trackId: string) => current().sources.get(trackId)?.isReading() ?? false,
  stall: (trackId: string) => current().sources.get(trackId)?.stall(),
  /** When what `followFrom` follows began, in room time. */
  followedAtMs: () => followedAtMs,
  suspend: () => current().context.suspend(),
  resume: () => current().context.resume(),
  /** `none`: another clock and another latency than the loudspeaker's. */
  async setSink(sink: 'none' | 'loudspeaker') {
    const context = current().context as AudioContext & {
      setSinkId(id: string | { type: 'none' }): Promise<void>;
    };
    await context.setSinkId(sink === 'none' ? { type: 'none' } : '');
  },
  /** From now on what is heard is that much later, as when a Bluetooth loudspeaker takes over. */
  addLatency(ms: number) {
    const { context } = current();
    const told = context.getOutputTimestamp.bind(context);
    context.getOutputTimestamp = () => {
      const stamp = told();
      return { ...stamp, performanceTime: (stamp.performanceTime ?? 0) + ms };
    };
  },
  tellDevices: () => navigator.mediaDevices.dispatchEvent(new Event('devicechange')),
  /** Timers fire no oftener than this, as in a tab that is not seen; 0: as usual. */
  throttleTimers(ms: number) {
    leastTimerMs = ms;
  },
  playerState: () => current().player.state(),
  playerStates: () => current().states,
  playerLevel: () => current().player.level(),
  openDecoders: () => decoders,
  /** As in a browser without WebCodecs (Safari before 26, Firefox for Android), or with it again. */
  setWebCodecs(on: boolean) {
    Object.defineProperty(window, 'AudioDecoder', { value: on ? CountedDecoder : undefined, writable: true });
  },
  opened: () => current().opened,
  release: (trackId: string, bytes: number) => current().sources.get(trackId)?.release(bytes),
  /** Blocks the main thread, as a slow script would. */
  block(ms: number) {
    const end = performance.now() + ms;
    while (performance.now() < end) continue;
  },
  contextFrame: () => Math.round(current().context.currentTime * 48_000),
  /** Room time that is heard at context time 0, by readings of its own: median of 21. */
  async roomOfContextZero(): Promise<number> {
    const { context } = current();
    const offsets: number[] = [];
    while (offsets.length < 21) {
      const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
      if (contextTime > 0) offsets.push(performance.timeOrigin + performanceTime - contextTime * 1_000);
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return offsets.sort((a, b) => a - b)[10]! + roomOffsetMs;
  },
  async recorded(fromFrame: number, frames: number) {
    const { recorder } = current();
    await recorder.until(fromFrame + frames);
    return base64(overHoles(recorder.samples(fromFrame, frames), fromFrame));
  },
  async closePlayer() {
    const { player, context } = current();
    player.close();
    player.close();
    await context.close();
    rig = null;
  },
};
