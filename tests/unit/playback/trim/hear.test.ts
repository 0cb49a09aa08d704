import { describe, expect, test } from 'vitest';
import { CHIRPS_MS, CHIRP_SECONDS, chirpAt, OTHER_AFTER_MS } from '../../../../app/playback/trim/chirp.ts';
import { hear, type Hearing } from '../../../../app/playback/trim/hear.ts';
import { seeded } from '../../../fixtures/seeded.ts';
import { callOf, recordingOf, RATE_HZ, shiftMs, type RoomOptions } from './synthetic-room.ts';

function listen(options: RoomOptions): Hearing {
  return hear(recordingOf(options), [callOf()])[0]!;
}

/** The delay that is heard, with the chirp's own gain 0.2 unless the room says otherwise. */
function delayIn(options: RoomOptions): number {
  const hearing = listen(options);
  if (hearing.kind !== 'heard') throw new Error(`not heard: ${hearing.why}`);
  return hearing.delayMs;
}

const direct = (delayMs: number, gain = 0.2) => ({ delayMs, gain });
/** RMS of a chirp of amplitude 0.2, while it lasts: two ends of a quarter are faded. */
const CHIRP_RMS =
  0.2 *
  Math.sqrt(
    Array.from({ length: 960 }, (_, i) => chirpAt('up', (i * CHIRP_SECONDS) / 960) ** 2).reduce(
      (a, b) => a + b,
    ) / 960,
  );
const noiseOf = (snrDb: number): number => CHIRP_RMS / 10 ** (snrDb / 20);

describe('H1 a quiet room', () => {
  test.each([-480, -3.21, 0, 83.4, 83.407, 412.33, 1_250])('%f ms is heard within 0.02 ms', (delayMs) => {
    expect(Math.abs(delayIn({ ways: [direct(delayMs)] }) - delayMs)).toBeLessThan(0.02);
  });

  test('at 44.1 kHz, too', () => {
    expect(Math.abs(delayIn({ ways: [direct(83.4)], rateHz: 44_100 }) - 83.4)).toBeLessThan(0.02);
  });
});

describe('H2 white noise', () => {
  test.each([
    [20, 0.02],
    [0, 0.05],
    [-6, 0.1],
    [-12, 0.3],
  ])(
    'at %i dB the delay is within %f ms, in 20 rooms of 20',
    (snrDb, boundMs) => {
      const random = seeded(snrDb + 99);
      for (let seed = 0; seed < 20; seed++) {
        const delayMs = random() * 1_000 - 200;
        const found = delayIn({ ways: [direct(delayMs)], noise: noiseOf(snrDb), seed });
        expect(Math.abs(found - delayMs), `seed ${seed}`).toBeLessThan(boundMs);
      }
    },
    60_000,
  );

  test('at -30 dB nothing is claimed, and the noise is blamed', () => {
    for (let seed = 0; seed < 10; seed++)
      expect(listen({ ways: [direct(100, 0.004)], noise: noiseOf(-30) / 50, seed })).toMatchObject({
        kind: 'not-heard',
        why: 'noise',
      });
  }, 60_000);

  test('in noise alone nothing is claimed, in 30 rooms of 30', () => {
    for (let seed = 100; seed < 130; seed++)
      expect(listen({ ways: [], noise: 0.05, seed }).kind, `seed ${seed}`).toBe('not-heard');
  }, 60_000);

  test('the uncertainty that is named covers the error in most rooms', () => {
    let covered = 0;
    for (let seed = 0; seed < 20; seed++) {
      const hearing = listen({ ways: [direct(83.4)], noise: noiseOf(-12), seed });
      if (hearing.kind === 'heard' && Math.abs(hearing.delayMs - 83.4) <= hearing.uncertaintyMs) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(16);
  }, 60_000);
});

describe('H3 echoes', () => {
  test.each([
    ['7 dB louder, 9 ms later', [direct(80, 0.09), direct(89, 0.2)]],
    [
      'a whole wall of them',
      [direct(80, 0.1), direct(83.3, 0.14), direct(91, 0.2), direct(104, 0.17), direct(131, 0.1)],
    ],
    ['as loud, 2.4 ms later', [direct(80), direct(82.4)]],
  ])('%s: what came directly counts, within 0.3 ms', (_, ways) => {
    expect(Math.abs(delayIn({ ways, noise: noiseOf(10) }) - 80)).toBeLessThan(0.3);
  });

  test('a long hall: 60 echoes that fade by 60 dB in 0.8 s', () => {
    const random = seeded(5);
    const ways = [direct(80, 0.15)];
    for (let i = 0; i < 60; i++) {
      const laterMs = 3 + random() * 500;
      ways.push(direct(80 + laterMs, 0.12 * 10 ** ((-3 * laterMs) / 800) * (random() < 0.5 ? -1 : 1)));
    }
    expect(Math.abs(delayIn({ ways }) - 80)).toBeLessThan(0.3);
  });
});

describe('H4 a microphone whose clock differs', () => {
  test.each([-300, -100, 100, 300])('%i ppm: within 0.05 ms of where the middle chirp is', (ppm) => {
    const found = delayIn({ ways: [direct(83.4)], ppm, noise: noiseOf(6) });
    expect(Math.abs(found - 83.4 - shiftMs(ppm, 83.4))).toBeLessThan(0.05);
  });
});

describe('H5 a microphone that is too near', () => {
  test('cut off at a fifth of its height it is heard within 0.05 ms', () => {
    expect(Math.abs(delayIn({ ways: [direct(83.4, 5)], clipAt: 1 }) - 83.4)).toBeLessThan(0.05);
  });

  test('when cutting off leaves nothing of it, that is said', () => {
    const hearing = listen({ ways: [direct(83.4, 0.01)], music: 300, clipAt: 1 });
    expect(hearing).toMatchObject({ kind: 'not-heard', why: 'clipped' });
  });
});

describe('H6 nothing to hear', () => {
  test('digital silence is a covered or muted microphone', () => {
    expect(listen({ ways: [] })).toMatchObject({ kind: 'not-heard', why: 'silent' });
  });

  test('a quiet room without chirps: they are too faint', () => {
    expect(listen({ ways: [], noise: 0.001 })).toMatchObject({ kind: 'not-heard', why: 'faint' });
  });

  test('a recording that ended before the chirps, or holds nothing, is no error', () => {
    const whole = recordingOf({ ways: [direct(50)] });
    for (const frames of [0, 1, 100, 20_000])
      expect(hear({ ...whole, samples: whole.samples.slice(0, frames) }, [callOf()])[0]!.kind).toBe(
        'not-heard',
      );
  });
});

describe('H7 music', () => {
  test.each([0.2, 0.6])(
    'of amplitude %f over chirps of 0.2: within 0.1 ms',
    (music) => {
      for (let seed = 0; seed < 5; seed++)
        expect(Math.abs(delayIn({ ways: [direct(131.7)], music, seed }) - 131.7)).toBeLessThan(0.1);
    },
    60_000,
  );

  test('alone it is never taken for chirps', () => {
    for (let seed = 0; seed < 10; seed++)
      expect(listen({ ways: [], music: 0.8, seed }).kind).toBe('not-heard');
  }, 60_000);
});

describe('H8 two devices', () => {
  test('are told apart when they sound at once, the one 12 dB softer than the other: each within 0.05 ms', () => {
    const recording = recordingOf({
      ways: [
        { sweep: 'up', delayMs: 60.25, gain: 0.2 },
        { sweep: 'down', delayMs: 61.5, gain: 0.05 },
      ],
      noise: 0.002,
    });
    const [up, down] = hear(recording, [callOf('up'), callOf('down')]);
    if (up?.kind !== 'heard' || down?.kind !== 'heard') throw new Error('not heard');
    expect(Math.abs(up.delayMs - 60.25)).toBeLessThan(0.05);
    expect(Math.abs(down.delayMs - 61.5)).toBeLessThan(0.05);
  });

  test('one alone is not heard as the other', () => {
    const recording = recordingOf({ ways: [{ sweep: 'up', delayMs: 60, gain: 0.2 }], noise: 0.001 });
    expect(hear(recording, [callOf('down')])[0]!.kind).toBe('not-heard');
  });
});

describe('H9 the chirps', () => {
  test('no two of them are as far apart as two others, by 23 ms at least', () => {
    const apart = CHIRPS_MS.flatMap((a, i) => CHIRPS_MS.slice(i + 1).map((b) => b - a)).sort((a, b) => a - b);
    for (let i = 1; i < apart.length; i++) expect(apart[i]! - apart[i - 1]!).toBeGreaterThanOrEqual(23);
  });

  test('of two devices in step no two overlap', () => {
    const starts = CHIRPS_MS.flatMap((ms) => [ms, ms + OTHER_AFTER_MS]).sort((a, b) => a - b);
    for (let i = 1; i < starts.length; i++)
      expect(starts[i]! - starts[i - 1]!).toBeGreaterThan(CHIRP_SECONDS * 1_000);
  });

  test('begin and end without a click', () => {
    for (const sweep of ['up', 'down'] as const) {
      expect(Math.abs(chirpAt(sweep, 0.5 / RATE_HZ))).toBeLessThan(1e-4);
      expect(Math.abs(chirpAt(sweep, CHIRP_SECONDS - 0.5 / RATE_HZ))).toBeLessThan(1e-4);
    }
  });
});
