/**
 * `npm run bench:hidden [-- --minutes=30] [--quick]`: a host whose tab is really hidden. Chromium is started as people start
 * it, without the switches with which tests keep pages awake; Playwright sets the room up and leaves, as a page that it
 * holds always believes to be seen; then another tab comes to the front. The host is alone in its room, so that no
 * connection to a peer keeps the page awake either. One HTTP connection listens; the page is asked every few seconds
 * whether it is hidden. `--quick`: 105 s, as Chromium has patience with a hidden page for a minute.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from '@playwright/test';
import * as v from 'valibot';
import { WebSocket } from 'ws';
import { StatusReport } from '../../signaling/protocol/status.ts';
import { CHROMIUM, CHROMIUM_ARGS } from '../../tests/e2e/support/chromium.ts';
import { startNode } from '../../tests/e2e/support/node.ts';
import { queueSong, sayName, seesPlaying, startHosting, visit } from '../../tests/e2e/support/room.ts';
import { homeThatTrusts } from '../../tests/e2e/support/trust.ts';
import { freePort } from '../../tests/fixtures/ports.ts';
import { HEARD_RATE_HZ, PIECE_MS, songReference } from '../../tests/fixtures/song-follower.ts';
import { noiseTrack } from '../../tests/fixtures/tones.ts';
import { until } from '../../tests/fixtures/until.ts';
import { heardSince, openEar } from '../../tests/lan/stream-ear.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const minutes = Number(values.minutes ?? (values.quick ? '1.75' : '30'));
if (!(minutes >= 0.25 && minutes <= 240)) throw new RangeError('--minutes: 0.25 to 240');

const TITLE = 'Behind another tab';
/** To open the room, and to wait for the end. */
const SPARE_SECONDS = 120;
const ASK_EVERY_MS = 5_000;
const SETTLE_MS = 2_000;
const IMPORT_MS = 180_000;
/** A player that the machine did not feed in time jumps back into step: so much of the time may be neither song nor silence. */
const MOST_STRANGE = 0.01;

const Targets = v.array(v.object({ id: v.string(), url: v.string(), webSocketDebuggerUrl: v.string() }));
const Answer = v.object({ result: v.object({ result: v.object({ value: v.string() }) }) });

interface Tabs {
  child: ChildProcess;
  origin: string;
  /** Opens a tab and brings it before all others. */
  cover(): Promise<void>;
  /** What the page at this address says of itself (Page Visibility, W3C). */
  visibility(url: string): Promise<string>;
}

/** Chromium with DevTools' HTTP endpoints (https://chromedevtools.github.io/devtools-protocol/#endpoints) on a port. */
async function startChromium(home: string): Promise<Tabs> {
  const origin = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(
    CHROMIUM,
    [
      ...CHROMIUM_ARGS,
      '--headless=new',
      '--mute-audio',
      `--remote-debugging-port=${new URL(origin).port}`,
      `--user-data-dir=${join(home, 'profile')}`,
      'about:blank',
    ],
    { stdio: 'ignore', env: { ...process.env, HOME: home } },
  );
  await until('Chromium', async () => (await fetch(`${origin}/json/version`)).ok, { deadlineMs: 30_000 });
  return {
    child,
    origin,
    async cover() {
      const answer = await fetch(`${origin}/json/new?about:blank`, { method: 'PUT' });
      const { id } = v.parse(v.object({ id: v.string() }), await answer.json());
      await fetch(`${origin}/json/activate/${id}`);
    },
    async visibility(url) {
      const targets = v.parse(Targets, await (await fetch(`${origin}/json`)).json());
      const target = targets.find((one) => one.url.startsWith(url));
      if (target === undefined) throw new Error(`no tab shows ${url}`);
      const socket = new WebSocket(target.webSocketDebuggerUrl);
      try {
        await once(socket, 'open');
        const params = { expression: 'document.visibilityState' };
        socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params }));
        const [answer] = (await once(socket, 'message')) as [Buffer];
        return v.parse(Answer, JSON.parse(answer.toString('utf8'))).result.result.value;
      } finally {
        socket.close();
      }
    },
  };
}

/**
 * Imports a file of this machine by its path: over a connection like this one Playwright sends the bytes themselves, which
 * takes Chromium minutes for a song of half an hour.
 */
async function importByPath(page: Page, path: string): Promise<void> {
  await visit(page, 'Music');
  const session = await page.context().newCDPSession(page);
  const { result } = await session.send('Runtime.evaluate', {
    expression: `document.querySelector('input[type="file"][aria-label="Music files"]')`,
  });
  const { objectId } = result;
  if (objectId === undefined) throw new Error('there is nothing to pick music with');
  await session.send('DOM.setFileInputFiles', { files: [path], objectId });
  const done = page.getByRole('region', { name: 'Import' }).getByRole('button', { name: 'Done' });
  await done.waitFor({ timeout: IMPORT_MS });
}

const forMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const track = await noiseTrack({ seconds: Math.ceil(minutes * 60) + SPARE_SECONDS, title: TITLE, seed: 8 });
const song = await songReference(track);
const closing: (() => unknown)[] = [];
try {
  const node = await startNode({ args: ['--no-mdns'] });
  closing.push(() => node.close());
  const home = homeThatTrusts(node.caPath);
  closing.push(() => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
  const tabs = await startChromium(home);
  closing.push(async () => {
    const ended = once(tabs.child, 'close');
    tabs.child.kill();
    await ended;
  });
  let beganAtMs: number | null = null;
  const ear = openEar({ host: { spawn }, url: node.streamUrl, song, beganAtMs: () => beganAtMs });
  closing.push(() => ear.close());

  const browser = await chromium.connectOverCDP(tabs.origin);
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('Chromium has no window');
  const page = await context.newPage();
  await page.goto(node.appLink);
  await sayName(page, 'Anna');
  await importByPath(page, track);
  await queueSong(page, TITLE);
  beganAtMs = performance.now();
  await seesPlaying(page, TITLE);
  await startHosting(page);
  await heardSince(ear, 0, 30_000);
  await browser.close();

  await tabs.cover();
  await until('the tab to be hidden', async () => (await tabs.visibility(node.appUrl)) === 'hidden');
  await forMs(SETTLE_MS);
  // A song that ends is no gap: the machine was slow to open the room.
  const endsAtMs = (song.length * 1_000) / HEARD_RATE_HZ;
  const silenceFrames = async (): Promise<number> => {
    const report = v.parse(StatusReport, await (await fetch(`${node.httpOrigin}/stream/status`)).json());
    return report.streams[0]?.silenceFrames ?? Number.NaN;
  };
  const silenceBefore = await silenceFrames();
  const fromMs = performance.now();
  const seen: Record<string, number> = {};
  console.log(`The host's tab is hidden; listening for ${minutes} minutes.`);
  while (performance.now() - fromMs < minutes * 60_000) {
    await forMs(ASK_EVERY_MS);
    const state = await tabs.visibility(node.appUrl);
    seen[state] = (seen[state] ?? 0) + 1;
  }
  const toMs = performance.now();
  const lastMs = ear.pieces.findLast(({ positionMs }) => positionMs !== null)?.positionMs ?? 0;
  if (lastMs > endsAtMs - ASK_EVERY_MS) throw new Error('the song ended before the measurement did');
  const silence = (await silenceFrames()) - silenceBefore;

  const heard = ear.pieces.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  /** Where it broke: second of the measurement, and for how long. */
  const breaks: { atSeconds: number; ms: number }[] = [];
  heard.forEach(({ heard: kind }, n) => {
    if (kind === 'song') return;
    if (n > 0 && heard[n - 1]?.heard !== 'song') breaks.at(-1)!.ms += PIECE_MS;
    else breaks.push({ atSeconds: (n * PIECE_MS) / 1_000, ms: PIECE_MS });
  });
  const ms = (kind: string): number => heard.filter((piece) => piece.heard === kind).length * PIECE_MS;
  const starts = [heard.slice(0, 20), heard.slice(-20)].map((some) => ear.songStartMs(some));
  const lead = ear.log.leadMs(fromMs, toMs);
  const result = {
    bench: 'hidden',
    minutes,
    asked: Object.values(seen).reduce((sum, times) => sum + times, 0),
    hidden: seen['hidden'] ?? 0,
    silenceFrames: silence,
    silentMs: ms('silence'),
    strangeMs: ms('other'),
    songMs: ms('song'),
    worstGapMs: Math.round(ear.log.longestGap(fromMs, toMs).ms),
    leadMs: [Math.round(lead.least), Math.round(lead.most)],
    shiftMs: Math.round((starts[1] ?? Number.NaN) - (starts[0] ?? Number.NaN)),
    reconnects: ear.reconnects,
    tornFrames: ear.log.tornFrames,
  };
  console.log(`
asked whether it is hidden   ${result.asked} times, ${result.hidden} times yes
heard                        ${(result.songMs / 1_000).toFixed(1)} s of the song, ${result.silentMs} ms of silence, ${result.strangeMs} ms of neither
silence frames of the node   ${result.silenceFrames}
longest pause of the bytes   ${result.worstGapMs} ms
off real time                ${result.leadMs.join(' to ')} ms; the song's place moved by ${result.shiftMs} ms
connection                   ${result.reconnects} reconnects, ${result.tornFrames} torn frames
`);
  for (const { atSeconds, ms: lastedMs } of breaks.slice(0, 20))
    console.log(`no song at ${atSeconds.toFixed(1)} s, for ${lastedMs} ms`);
  const broken = [
    result.hidden < result.asked && 'the tab was not hidden all the time',
    result.silenceFrames > 0 && 'the node had to fill in silence',
    result.silentMs > 0 && 'there was a gap',
    result.strangeMs > MOST_STRANGE * minutes * 60_000 && 'the song was not heard all the time',
    result.reconnects + result.tornFrames > 0 && 'the connection or a frame broke',
  ].filter((one) => one !== false);
  if (broken.length > 0) {
    console.log(`Not kept: ${broken.join('; ')}.`);
    process.exitCode = 1;
  }
  console.log(JSON.stringify(result));
} finally {
  for (const close of closing.reverse()) await close();
}
