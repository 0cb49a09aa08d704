/**
 * Loudspeakers on a LAN without a way out: two DLNA renderers with addresses of their own, switched on from a phone. What is
 * claimed of them is asked of them, or heard from them. One room lives through all of it, so the tests stand in order.
 */
import type { Browser, Locator, Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { PHONE } from '../e2e/support/people.ts';
import { importFiles, queueSong, sayName, seesPlaying, startHosting, visit } from '../e2e/support/room.ts';
import { toneMedianDbfs } from '../fixtures/listen.ts';
import { tone, type Tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { createLab, labProblem, type Lab, type LabHost } from './lab.ts';
import { startRenderer, type Renderer } from './renderer.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const AUDIBLE_DBFS = -40;
const KITCHEN = 'b6a1e3f0-0000-4000-8000-00000000a001';
const BATH = 'b6a1e3f0-0000-4000-8000-00000000a002';

describe.skipIf(problem !== null)('loudspeakers on a LAN', () => {
  let lab: Lab;
  let node: RunningNode;
  let here: LabHost;
  let song: Tone;
  let kitchen: Renderer;
  let bath: Renderer;
  const phones: { name: string; browser: Browser; page: Page }[] = [];

  async function phone(name: string): Promise<Page> {
    const browser = await launchOn(lab.host(name), { caPath: node.caPath });
    const context = await browser.newContext({ viewport: PHONE });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    phones.push({ name, browser, page });
    await page.goto(node.appLink);
    await sayName(page, name);
    return page;
  }
  const pageOf = (name: string): Page => phones.find((one) => one.name === name)!.page;
  const card = (page: Page, name: string): Locator => page.getByRole('listitem', { name, exact: true });
  const toggle = (page: Page, name: string): Locator =>
    page.getByRole('switch', { name: `${name} plays the room` });
  const isOn = async (page: Page, name: string): Promise<boolean> =>
    (await toggle(page, name).getAttribute('aria-checked')) === 'true';

  /** The song comes out of it for another second. What it writes begins anew when it was stopped. */
  function hears(renderer: Renderer, deadlineMs = 30_000): Promise<unknown> {
    let from = renderer.soundedMs();
    return until(
      'the song out of the loudspeaker',
      () => {
        const durationMs = renderer.soundedMs();
        from = Math.min(from, durationMs);
        return durationMs > from + 1_000 && toneMedianDbfs(renderer.sound(1_000), song.hz) > AUDIBLE_DBFS;
      },
      { deadlineMs, everyMs: 200 },
    );
  }

  beforeAll(async () => {
    lab = createLab(['node', 'ada', 'ben', 'kitchen', 'bath']);
    here = lab.host('node');
    song = await tone({ format: 'mp3', amplitude: 0.25, hz: 440, seconds: 240, title: 'Four minutes of A' });
    node = await startNode({ spawn: (...args) => here.spawn(...args), bind: here.address });
    kitchen = await startRenderer(lab.host('kitchen'), here, 'Kitchen', KITCHEN);
    bath = await startRenderer(lab.host('bath'), here, 'Bath', BATH);
    await phone('ada');
    await phone('ben');
  }, 180_000);

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    const title = task.name.replace(/\W+/g, '-').slice(0, 40);
    for (const { name, page } of phones) {
      await page.screenshot({ path: `test-results/lab/${title}-${name}.png` }).catch(() => undefined);
    }
    console.log(node.output().split('\n').slice(-12).join('\n'));
  });

  afterAll(async () => {
    await Promise.all(phones.map(({ browser }) => browser.close()));
    kitchen?.close();
    bath?.close();
    await node?.close();
    await lab?.close();
  });

  test('both are found, switched on from the other phone, and the host’s song comes out of them', async () => {
    const [ada, ben] = [pageOf('ada'), pageOf('ben')];
    await importFiles(ada, [song.path]);
    await queueSong(ada, song.title ?? '');
    await seesPlaying(ada, song.title ?? '');
    await startHosting(ada);
    await visit(ben, 'Speakers');
    for (const name of ['Kitchen', 'Bath']) await card(ben, name).getByText('DLNA').waitFor();
    for (const renderer of [kitchen, bath]) expect(await renderer.url(here)).toBe('');
    await ben.getByRole('button', { name: 'All on' }).click();
    for (const name of ['Kitchen', 'Bath']) await card(ben, name).getByText('Plays the room').waitFor();
    for (const renderer of [kitchen, bath]) {
      await hears(renderer);
      expect(await renderer.url(here)).toBe(node.streamUrl);
    }
    const steps = await card(ben, 'Kitchen').getByRole('list').innerText();
    expect(steps).toMatch(/Found[\s\S]*Asked[\s\S]*Buffering[\s\S]*Playing\s+\d+\.\d s/);
  });

  test('it is turned down from the phone, and nothing else is', async () => {
    const before = await bath.volume(here);
    const slider = pageOf('ben').getByRole('slider', { name: 'Volume of Kitchen' });
    await slider.focus();
    await slider.press('Home');
    await until('silence to be set', async () => (await kitchen.volume(here)) === 0);
    await slider.press('PageUp');
    await until('a fifth', async () => (await kitchen.volume(here)) === 20);
    expect(await bath.volume(here)).toBe(before);
  });

  test('a knob that is turned at the device is followed, not fought', async () => {
    const ben = pageOf('ben');
    await kitchen.setVolume(here, 70);
    await card(ben, 'Kitchen').getByText('70 %').waitFor();
    await visit(pageOf('ada'), 'Speakers');
    await card(pageOf('ada'), 'Kitchen').getByText('70 %').waitFor();
    expect(await kitchen.volume(here)).toBe(70);
  });

  test('it is muted from the phone, and heard again from the device', async () => {
    const ben = pageOf('ben');
    const mute = card(ben, 'Kitchen').getByRole('button', { name: 'Mute Kitchen' });
    await mute.click();
    await until('it to be mute', () => kitchen.muted(here));
    expect(await bath.muted(here)).toBe(false);
    await card(pageOf('ada'), 'Kitchen').getByText('Plays the room, muted').waitFor();
    // Whoever walks up to the device comes later than the node's next look at it.
    const sounded = bath.soundedMs();
    await until('a second', () => bath.soundedMs() > sounded + 1_000, { deadlineMs: 20_000 });
    await kitchen.setMuted(here, false);
    await card(ben, 'Kitchen').getByText('Plays the room', { exact: true }).waitFor();
    expect([await mute.getAttribute('aria-pressed'), await kitchen.muted(here)]).toEqual(['false', false]);
  });

  test('rebooted, it plays again within ten seconds of being seen, as loud as it was', async () => {
    const ben = pageOf('ben');
    kitchen.close();
    await card(ben, 'Kitchen').getByText('Out of reach').waitFor();
    kitchen = await startRenderer(lab.host('kitchen'), here, 'Kitchen', KITCHEN);
    await card(ben, 'Kitchen').getByText('DLNA').waitFor();
    const seenAtMs = performance.now();
    await hears(kitchen, 10_000);
    console.log(`rebooted: heard ${Math.round(performance.now() - seenAtMs)} ms after it was seen`);
    expect(await kitchen.volume(here)).toBe(70);
  });

  test('unplugged it is missed; plugged in again it plays, and the other never stopped', async () => {
    const ben = pageOf('ben');
    lab.host('kitchen').setLink('down');
    await card(ben, 'Kitchen').getByText('Out of reach').waitFor();
    lab.host('kitchen').setLink('up');
    await card(ben, 'Kitchen').getByText('Plays the room').waitFor();
    await hears(kitchen);
    await hears(bath);
  });

  test('stopped at the device it stays off, and is switched on again from the phone', async () => {
    const ben = pageOf('ben');
    await bath.stop(here);
    await until('the switch to follow', async () => !(await isOn(ben, 'Bath')));
    await card(ben, 'Bath').getByText('stopped at the speaker').waitFor();
    // The host looks once a second: what it would do about this it would have done by now.
    const sounded = kitchen.soundedMs();
    await until('five seconds', () => kitchen.soundedMs() > sounded + 5_000, { deadlineMs: 20_000 });
    expect(await bath.state(here)).toBe('STOPPED');
    await toggle(ben, 'Bath').click();
    await hears(bath);
  });

  test('the host dies and another takes over: no speaker is told anything', async () => {
    const ben = pageOf('ben');
    await visit(ben, 'Speakers');
    await ben.getByRole('button', { name: /^Host from this/ }).click();
    const orders = (): number => node.output().split('"event":"listener-joined"').length;
    const before = orders();
    lab.host('ada').signal('SIGKILL');
    await ben.getByRole('region', { name: 'Host' }).getByText('on the air').waitFor();
    for (const renderer of [kitchen, bath]) {
      const sounded = renderer.soundedMs();
      await until('five seconds of sound', () => renderer.soundedMs() > sounded + 5_000, {
        deadlineMs: 20_000,
      });
      await hears(renderer);
      expect(await renderer.state(here)).toBe('PLAYING');
    }
    // Whoever was told to play would have fetched the stream anew.
    expect(orders()).toBe(before);
  });
});
