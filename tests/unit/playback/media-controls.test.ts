import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMediaControls, type Shown } from '../../../app/playback/media-controls.ts';

/** What a system's side of the Media Session API keeps. */
class FakeSession {
  metadata: { title: string; artwork: { src: string }[] } | null = null;
  playbackState = 'none';
  handlers = new Map<string, (details: { seekTime?: number }) => void>();
  positions: (number | null)[] = [];
  setActionHandler(action: string, handler: ((details: { seekTime?: number }) => void) | null): void {
    if (action === 'previoustrack') throw new TypeError('not on this system');
    if (handler) this.handlers.set(action, handler);
    else this.handlers.delete(action);
  }
  setPositionState(state?: { position: number }): void {
    this.positions.push(state?.position ?? null);
  }
}

beforeEach(() => {
  vi.stubGlobal(
    'MediaMetadata',
    class {
      constructor(init: object) {
        Object.assign(this, init);
      }
    },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const SONG: Shown = {
  trackId: 'a',
  title: 'Blue',
  artist: 'Train',
  album: '',
  coverUrl: null,
  playing: true,
  positionMs: 1_000,
  durationMs: 60_000,
};

function rig() {
  const session = new FakeSession();
  const calls: string[] = [];
  let nowMs = 0;
  const controls = createMediaControls({
    session: session as unknown as MediaSession,
    nowMs: () => nowMs,
    actions: {
      play: () => calls.push('play'),
      pause: () => calls.push('pause'),
      skip: () => calls.push('skip'),
      back: () => calls.push('back'),
      seek: (positionMs) => calls.push(`seek ${positionMs}`),
    },
  });
  return { session, calls, controls, pass: (ms: number) => (nowMs += ms) };
}

test('the song, its cover and the buttons are shown; a button that the system lacks harms nothing', () => {
  const { session, calls, controls } = rig();
  controls.show(SONG);
  expect(session.metadata?.title).toBe('Blue');
  expect(session.playbackState).toBe('playing');
  controls.show({ ...SONG, coverUrl: 'blob:x' });
  expect(session.metadata?.artwork).toEqual([{ src: 'blob:x' }]);
  for (const action of ['play', 'pause', 'nexttrack']) session.handlers.get(action)?.({});
  session.handlers.get('seekto')?.({ seekTime: 12.5 });
  expect(calls).toEqual(['play', 'pause', 'skip', 'seek 12500']);
});

test('the position is told once, and again only after a jump, a pause or another song', () => {
  const { session, controls, pass } = rig();
  controls.show(SONG);
  for (let step = 1; step <= 50; step++) {
    pass(100);
    controls.show({ ...SONG, positionMs: 1_000 + step * 100 });
  }
  expect(session.positions).toEqual([1]);
  controls.show({ ...SONG, positionMs: 30_000 });
  controls.show({ ...SONG, positionMs: 30_000, playing: false });
  pass(60_000);
  controls.show({ ...SONG, positionMs: 30_000, playing: false });
  expect(session.positions).toEqual([1, 30, 30]);
  expect(session.playbackState).toBe('paused');
});

test('nothing is left behind when this device falls silent', () => {
  const { session, controls } = rig();
  controls.show(SONG);
  controls.show(null);
  controls.close();
  controls.close();
  expect(session.metadata).toBeNull();
  expect(session.handlers.size).toBe(0);
  expect(session.playbackState).toBe('none');
});

test('without the API nothing happens', () => {
  const controls = createMediaControls({
    session: null,
    nowMs: () => 0,
    actions: { play() {}, pause() {}, skip() {}, back() {}, seek() {} },
  });
  controls.show(SONG);
  controls.close();
});
