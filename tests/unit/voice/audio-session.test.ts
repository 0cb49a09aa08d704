/** Microphones and the system's audio session: platform objects that behave as WebKit's do stand in for the phone. */
import { describe, expect, test } from 'vitest';
import { createAudioSession, type AudioSession } from '../../../app/voice/audio-session.ts';
import { openUnprocessed, type MicrophoneOpened } from '../../../app/voice/microphone.ts';

class Track extends EventTarget {
  readyState: 'live' | 'ended' = 'live';
  /** Tells nobody, as everywhere. */
  stop(): void {
    this.readyState = 'ended';
  }
  /** The system takes it away. */
  end(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

interface Phone {
  /** `navigator.audioSession`, and every type that it was set to. */
  system: { type: string };
  types: string[];
  session: AudioSession;
  /** One for each microphone that was opened. */
  tracks: Track[];
  /** Somebody answers the browser's question. */
  answer(allow: boolean): void;
  ask(): Promise<MicrophoneOpened>;
}

function phone(): Phone {
  const types: string[] = [];
  let type = 'auto';
  const system = {
    get type() {
      return type;
    },
    set type(next: string) {
      types.push((type = next));
      // What records under another type is ended.
      if (type === 'playback') for (const track of tracks) if (track.readyState === 'live') track.end();
    },
  };
  const tracks: Track[] = [];
  const questions: ((allow: boolean) => void)[] = [];
  const session = createAudioSession(system);
  const devices = {
    getUserMedia: () =>
      new Promise<MediaStream>((resolve, reject) => {
        if (type === 'playback') {
          reject(new DOMException('AudioSession category is not compatible', 'InvalidStateError'));
          return;
        }
        questions.push((allow) => {
          if (!allow) {
            reject(new DOMException('no', 'NotAllowedError'));
            return;
          }
          const track = new Track();
          tracks.push(track);
          resolve({ getTracks: () => [track] } as unknown as MediaStream);
        });
      }),
  };
  return {
    system,
    types,
    session,
    tracks,
    answer: (allow) => questions.shift()?.(allow),
    ask: () => openUnprocessed({ devices, session }),
  };
}

async function opened(one: Phone): Promise<Extract<MicrophoneOpened, { kind: 'live' }>> {
  const asked = one.ask();
  one.answer(true);
  const microphone = await asked;
  if (microphone.kind !== 'live') throw new Error(microphone.problem);
  return microphone;
}

describe('the audio session', () => {
  test('plays in spite of the ring switch, and lets a microphone open all the same', async () => {
    const one = phone();
    one.session.play();
    expect(one.system.type).toBe('playback');
    const microphone = await opened(one);
    expect(one.system.type).toBe('play-and-record');
    microphone.stop();
    expect(one.tracks[0]?.readyState).toBe('ended');
    expect(one.system.type).toBe('playback');
  });

  test('a tap that wants sound takes it from no microphone, open or on its way', async () => {
    const one = phone();
    one.session.play();
    const asked = one.ask();
    one.session.play();
    expect(one.system.type).toBe('play-and-record');
    one.answer(true);
    expect((await asked).kind).toBe('live');
    one.session.play();
    expect(one.tracks[0]?.readyState).toBe('live');
    expect(one.types).toEqual(['playback', 'play-and-record']);
  });

  test('a refused microphone gives it back', async () => {
    const one = phone();
    one.session.play();
    const asked = one.ask();
    one.answer(false);
    expect(await asked).toEqual({ kind: 'problem', problem: 'refused' });
    expect(one.system.type).toBe('playback');
  });

  test('of two microphones the last one that stops gives it back, however often each is stopped', async () => {
    const one = phone();
    const first = await opened(one);
    const second = await opened(one);
    first.stop();
    first.stop();
    expect(one.system.type).toBe('play-and-record');
    expect(one.tracks[1]?.readyState).toBe('live');
    second.stop();
    expect(one.system.type).toBe('playback');
  });

  test('so does one that the system ends', async () => {
    const one = phone();
    await opened(one);
    one.tracks[0]?.end();
    expect(one.system.type).toBe('playback');
  });

  test('a page that something else made play only is told so', async () => {
    const one = phone();
    const asked = openUnprocessed({
      devices: { getUserMedia: () => Promise.reject(new DOMException('no', 'InvalidStateError')) },
      session: one.session,
    });
    expect(await asked).toEqual({ kind: 'problem', problem: 'playing' });
    expect(one.system.type).toBe('playback');
  });

  test('browsers that have none of it open their microphones as ever', async () => {
    const track = new Track();
    const session = createAudioSession(undefined);
    session.play();
    const microphone = await openUnprocessed({
      devices: {
        getUserMedia: () => Promise.resolve({ getTracks: () => [track] } as unknown as MediaStream),
      },
      session,
    });
    expect(microphone.kind).toBe('live');
  });
});
