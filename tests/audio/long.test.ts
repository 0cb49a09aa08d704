/** An hour in one file: whoever joins in its middle hears it at once, and it does not fill the memory. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReader } from '../../app/library/analyse/reader.ts';
import { sniff } from '../../app/library/analyse/sniff.ts';
import { HOUR_NAMES, LAPS, LAP_SECONDS, hour, lap, rateOf } from '../fixtures/hours.ts';
import { floats, openHarness, type Harness } from './harness.ts';
import { findLag } from './signals.ts';

const JOIN_SECONDS = 45 * 60 + 17.3;
const MIB = 1_048_576;
/** What an encoder and a decoder put in front of an MP3 without an info frame, and AAC's priming, in samples. */
const DELAY_SAMPLES: Record<string, number> = { 'hour-vbr.mp3': 1_105, 'hour.aac': 1_024 };

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
}, 120_000);
afterAll(() => harness.close());

interface Prepared {
  url: string;
  bytes: number;
  seekIndex: string | undefined;
  durationMs: number | undefined;
}

async function prepare(name: string): Promise<Prepared> {
  const file = await hour(name);
  const container = await sniff(createReader(new Blob([new Uint8Array(file)])));
  const verdict = await container!.check();
  if (verdict.state !== 'whole') throw new Error(verdict.why);
  const { seekIndex, durationMs } = verdict;
  return { url: harness.put(name, file), bytes: file.length, seekIndex, durationMs };
}

// First, while the page's memory is still untouched.
test('the player is heard within a second at 0:00 and at 45:17, and takes less than 150 MB', async () => {
  const { page } = harness;
  const { url, seekIndex } = await prepare('hour-vbr.mp3');
  await page.evaluate(
    async ([u, index]) => {
      await window.sound.addFile('hour', u, index);
      await window.sound.makePlayer({});
    },
    [url, seekIndex] as const,
  );
  const before = await rendererMiB();
  let most = before;
  const item = { itemId: 'hour', trackId: 'hour', durationMs: 3_600_000 };
  for (const [title, positionMs] of [
    ['0:00', 0],
    ['45:17', JOIN_SECONDS * 1_000],
  ] as const) {
    const heardMs = await page.evaluate(([i, ms]) => window.sound.followFrom(i, ms), [
      item,
      positionMs,
    ] as const);
    // Everything that it decodes ahead is in memory by then.
    await page.waitForFunction(() => {
      const state = window.sound.playerState();
      return state.kind === 'playing' && state.bufferedMs > 5_500;
    });
    most = Math.max(most, await rendererMiB());
    console.log(`player, hour-vbr.mp3: heard after ${heardMs.toFixed(0)} ms at ${title}`);
    expect(heardMs).toBeLessThan(1_000);
  }
  console.log(`renderer: ${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at the most`);
  expect(most - before).toBeLessThan(150);
  await page.evaluate(() => window.sound.closePlayer());
});

describe('joined at its 45th minute', () => {
  test.each(HOUR_NAMES)(
    '%s gives the right samples within a second, without what is before them',
    async (name) => {
      const { url, seekIndex, bytes, durationMs } = await prepare(name);
      const rateHz = rateOf(name);
      const join = (fromSeconds: number) =>
        harness.page.evaluate(([u, index, from, n]) => window.sound.join(u, index, from, n), [
          url,
          seekIndex,
          fromSeconds,
          24_000,
        ] as const);
      const start = await join(0);
      const middle = await join(JOIN_SECONDS);
      console.log(
        `${name}, ${(bytes / MIB).toFixed(0)} MiB, index ${seekIndex?.length ?? 0} characters: first block ` +
          `${start.firstMs.toFixed(0)} ms at 0:00, ${middle.firstMs.toFixed(0)} ms at 45:17 ` +
          `after ${(middle.readBytes / MIB).toFixed(2)} MiB`,
      );
      expect(start.method).toBe('streamed');
      expect(middle.firstFrames).toBe(0);
      expect(start.firstMs).toBeLessThan(1_000);
      expect(middle.firstMs).toBeLessThan(1_000);
      expect(middle.readBytes).toBeLessThan(4 * MIB);

      // A lap of what was strung together is as long as its frames. Opus always decodes at 48 kHz.
      const scale = middle.sampleRateHz / rateHz;
      const lapMs = name === 'hour-vbr.mp3' ? (durationMs ?? 0) / LAPS : LAP_SECONDS * 1_000;
      const lapSamples = Math.round((lapMs * middle.sampleRateHz) / 1_000);
      const place = (middle.fromFrames % lapSamples) - (DELAY_SAMPLES[name] ?? 0);
      const heard = every(floats(middle.samples), scale);
      const reference = lap(name).subarray(Math.round(place / scale));
      const match = findLag(heard, reference, 1_000, 4_000, 600);
      expect(match.similarity).toBeGreaterThan(0.9);
      expect(Math.abs(match.lagSamples)).toBeLessThan(1);
    },
    180_000,
  );
});

test('no policy was violated and no error logged', () => {
  expect(harness.errors).toEqual([]);
});

/** Memory of the page's own that is in RAM, by the kernel's account. */
async function rendererMiB(): Promise<number> {
  const session = await harness.browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const statuses = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(({ id }) => readFileSync(`/proc/${id}/status`, 'utf8'));
  const kib = statuses.map((status) => Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]));
  return kib.reduce((sum, value) => sum + value, 0) / 1_024;
}

function every(samples: Float32Array, step: number): Float32Array {
  return Float32Array.from({ length: Math.floor(samples.length / step) }, (_, n) => samples[n * step] ?? 0);
}
