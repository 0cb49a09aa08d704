/** What a device itself plays: at its own volume, in step with the others, and only where somebody listens. */
import { isSilent, listen, toneMedianDbfs } from '../fixtures/listen.ts';
import { tone } from '../fixtures/tones.ts';
import { toneNow } from './support/ear.ts';
import {
  importFiles,
  listenHere,
  queueSong,
  sayName,
  seesPlaying,
  startHosting,
  visit,
} from './support/room.ts';
import { heardHere, tapSound } from './support/tap.ts';
import { expect, test } from './support/test.ts';

const AUDIBLE_DBFS = -40;

test('listening here plays the room at this device’s volume; without it the device is a remote control', async ({
  node,
  people,
}) => {
  const song = await tone({ format: 'ogg', hz: 440, seconds: 120, amplitude: 0.25, title: 'Heard here' });
  const next = await tone({ format: 'm4a', hz: 660, seconds: 120, amplitude: 0.25, title: 'Heard next' });
  const anna = await people.arrive('Anna');
  await tapSound(anna.context);
  await anna.page.goto(node.appLink);
  await anna.page.getByLabel('What shall we call you?').fill('Anna');
  await anna.page.getByRole('button', { name: 'Come in' }).click();
  const bo = await people.join('Bo');
  await importFiles(bo.page, [song.path, next.path]);
  await queueSong(bo.page, 'Heard here');
  await queueSong(bo.page, 'Heard next');
  await seesPlaying(anna.page, 'Heard here');
  await expect(anna.page.getByText('remote control', { exact: true })).toBeVisible();
  const level = async (hz: number) => {
    const sound = await heardHere(anna.page);
    return sound.durationMs === 0 ? -Infinity : toneMedianDbfs(sound, hz);
  };
  expect(await level(song.hz)).toBe(-Infinity);

  await listenHere(anna.page);
  await expect.poll(() => level(song.hz), { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  const loud = await level(song.hz);
  await anna.page.getByRole('button', { name: 'Volume of this device' }).click();
  const volume = anna.page.getByRole('slider', { name: 'Volume of this device' });
  await volume.focus();
  for (let step = 0; step < 2; step++) await volume.press('PageDown');
  await expect.poll(() => level(song.hz)).toBeLessThan(loud - 6);
  await anna.page.keyboard.press('Escape');

  await visit(bo.page, 'Now');
  await bo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Skip' }).click();
  await expect.poll(() => level(next.hz), { timeout: 20_000 }).toBeGreaterThan(loud - 20);
  await expect.poll(() => level(song.hz)).toBeLessThan(-60);
  await bo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Pause' }).click();
  await expect.poll(async () => isSilent(await heardHere(anna.page))).toBe(true);
});

test('after a reload whoever listened listens again, by the button itself or by any other tap; one tab sounds', async ({
  people,
}) => {
  const { page, context } = await people.join('Anna');
  const listening = (of: typeof page) => of.getByRole('button', { name: 'Listening here' });
  await listenHere(page);
  await page.reload();
  await page.getByRole('button', { name: 'Listen here' }).click();
  await expect(listening(page)).toHaveAttribute('aria-pressed', 'true');
  await page.reload();
  await visit(page, 'Queue');
  await visit(page, 'Now');
  await expect(listening(page)).toBeVisible();

  const second = await context.newPage();
  await second.goto(page.url());
  await visit(second, 'Queue');
  await visit(second, 'Now');
  await expect(second.getByRole('button', { name: 'Listen here' })).toBeVisible();
  await listenHere(second);
  await expect(page.getByRole('button', { name: 'Listen here' })).toBeVisible();
  await expect(page.getByText('Another tab of this browser plays the room now')).toBeVisible();
});

test('a host that is muted feeds the stream and sounds nowhere else, also after a reload; its desk moves the stream alone', async ({
  node,
  people,
}) => {
  const song = await tone({
    format: 'flac',
    hz: 440,
    seconds: 180,
    amplitude: 0.25,
    title: 'For the stream',
  });
  const anna = await people.arrive('Anna');
  const { page } = anna;
  await tapSound(anna.context);
  await page.goto(node.appLink);
  await sayName(page, 'Anna');
  await importFiles(page, [song.path]);
  await queueSong(page, 'For the stream');
  await startHosting(page);
  const ear = await listen(node.streamUrl);
  const streamed = () => toneNow(ear, song.hz);
  const here = async () => {
    const sound = await heardHere(page);
    return sound.durationMs === 0 ? -Infinity : toneMedianDbfs(sound, song.hz);
  };
  await expect.poll(streamed, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  expect(await here()).toBeLessThan(-100);
  const card = page.getByRole('region', { name: 'Host' });
  await expect(card.getByText('is silent; the loudspeakers are not')).toBeVisible();
  for (const name of ['Music', 'Out']) {
    await expect
      .poll(async () => Number(await card.getByRole('meter', { name }).getAttribute('aria-valuenow')))
      .toBeGreaterThan(30);
  }

  await card.getByRole('button', { name: 'Hear it here' }).click();
  await expect.poll(here, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  const [aloud, fed] = [await here(), await streamed()];
  const music = card.getByRole('slider', { name: 'Music on the loudspeakers' });
  await music.focus();
  await music.press('PageDown');
  await music.press('PageDown');
  await expect.poll(streamed).toBeLessThan(fed - 6);
  expect(await here()).toBeGreaterThan(aloud - 1);

  await card.getByRole('button', { name: /^Mute this/ }).click();
  await expect.poll(async () => isSilent(await heardHere(page))).toBe(true);
  expect(await streamed()).toBeGreaterThan(AUDIBLE_DBFS - 10);

  await page.reload();
  await visit(page, 'Speakers');
  await card.getByText('on the air').waitFor();
  await expect(music).toHaveAttribute('aria-valuetext', '60 %');
  await expect.poll(streamed, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS - 10);
  expect(await here()).toBeLessThan(-100);
  expect(ear.ended).toBe(false);
  ear.close();
});
