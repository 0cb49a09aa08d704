/**
 * What a simple player does, as the baseline: asks once for the time (lowest round trip of 16), decodes everything, and
 * starts at `currentTime` plus what is left until the agreed moment. No output timestamp, no loop afterwards.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext } from '@playwright/test';

export interface NaiveServer {
  url: string;
  close(): Promise<void>;
}

/** An empty page, and `/now`: the time that the naive players agree on. */
export async function serveNaive(): Promise<NaiveServer> {
  const server = createServer((request, response) => {
    const isTime = request.url === '/now';
    response.writeHead(200, {
      'content-type': isTime ? 'text/plain' : 'text/html',
      'cache-control': 'no-store',
    });
    response.end(
      isTime ? String(performance.timeOrigin + performance.now()) : '<!doctype html><title>naive</title>',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Plays ten seconds of noise over and over on the right channel, from `atMs` of the server's time on. */
export async function playNaively(context: BrowserContext, url: string, atMs: number): Promise<void> {
  const page = await context.newPage();
  await page.goto(url);
  // No named function inside: tsx would make it call a helper of its own, which the page has not.
  await page.evaluate(async (startMs) => {
    let offsetMs = 0;
    let shortestMs = Infinity;
    for (let probe = 0; probe < 16; probe++) {
      const sent = performance.timeOrigin + performance.now();
      const answered = Number(await (await fetch('/now')).text());
      const roundTripMs = performance.timeOrigin + performance.now() - sent;
      if (roundTripMs >= shortestMs) continue;
      shortestMs = roundTripMs;
      offsetMs = answered - (sent + roundTripMs / 2);
    }
    const audio = new AudioContext({ sampleRate: 48_000 });
    await audio.resume();
    const buffer = audio.createBuffer(2, 480_000, 48_000);
    const right = buffer.getChannelData(1);
    let random = 7;
    let low = 0;
    let lower = 0;
    for (let n = 0; n < right.length; n++) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      low += (random / 2 ** 31 - 1 - low) * 0.2;
      lower += (low - lower) * 0.2;
      right[n] = lower;
    }
    const source = new AudioBufferSourceNode(audio, { buffer, loop: true });
    source.connect(audio.destination);
    const leftSeconds = (startMs - offsetMs - performance.timeOrigin - performance.now()) / 1_000;
    if (leftSeconds < 0) throw new Error('the agreed moment has passed');
    source.start(audio.currentTime + leftSeconds);
  }, atMs);
}
