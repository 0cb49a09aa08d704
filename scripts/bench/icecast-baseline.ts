/**
 * The same loss in a plain radio: Debian's Icecast, a source (ffmpeg, no faster than it plays) that is killed, a second one
 * that connects at once, and one listener. What a listener has of Icecast is what its source sends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { SOURCE_PASSWORD, startIcecast } from '../../tests/fixtures/icecast.ts';
import { listen, type Listening } from '../../tests/fixtures/listen.ts';
import { until } from '../../tests/fixtures/until.ts';

/** How long the old connection is watched after the second source is there. */
const WATCHED_MS = 3_000;

export interface IcecastLoss {
  /** From the kill until the listener's connection ended; null: it stayed open. */
  endedMs: number | null;
  /** Bytes of the second source on the first connection. */
  bytesAfter: number;
  /** From the kill until a listener that connects anew, again and again, has a first byte of the second source. */
  anewMs: number;
}

function startSource(port: number, song: string): ChildProcess {
  // ffmpeg puts the password into a URL as it is.
  const target = `icecast://source@127.0.0.1:${port}/radio.mp3`;
  const args = ['-v', 'error', '-re', '-i', song, '-map', '0:a', '-c', 'copy', '-content_type', 'audio/mpeg'];
  return spawn('ffmpeg', [...args, '-password', encodeURIComponent(SOURCE_PASSWORD), '-f', 'mp3', target], {
    stdio: 'ignore',
  });
}

async function connected(url: string): Promise<Listening> {
  return until('the radio', () => listen(url).catch(() => null), { deadlineMs: 15_000, everyMs: 100 });
}

/** @param song an MP3 file */
export async function loseIcecastSource(song: string): Promise<IcecastLoss> {
  const icecast = await startIcecast();
  const url = `http://127.0.0.1:${icecast.port}/radio.mp3`;
  const sources = [startSource(icecast.port, song)];
  let first: Listening | null = null;
  let anew: Listening | null = null;
  try {
    const ear = (first = await connected(url));
    await until('sound', () => ear.arrivals.length > 0);
    const atMs = performance.now();
    sources[0]?.kill('SIGKILL');
    let endedMs: number | null = null;
    const watching = setInterval(() => {
      if (ear.ended) endedMs ??= performance.now() - atMs;
    }, 5);
    const before = ear.arrivals.length;
    sources.push(startSource(icecast.port, song));
    // Icecast answers 404 until the second source is on the mount.
    const second = (anew = await connected(url));
    await until('sound again', () => second.arrivals.length > 0);
    const anewMs = performance.now() - atMs;
    await new Promise((resolve) => setTimeout(resolve, WATCHED_MS));
    clearInterval(watching);
    const bytesAfter = ear.ended ? 0 : ear.arrivals.slice(before).reduce((sum, { bytes }) => sum + bytes, 0);
    return { endedMs, bytesAfter, anewMs };
  } finally {
    first?.close();
    anew?.close();
    for (const source of sources) source.kill('SIGKILL');
    await icecast.close();
  }
}
