/** The stream from outside: silence without a host, the same connection from host to host, and what it tells of itself. */
import { isSilent, listen } from '../fixtures/listen.ts';
import { tone } from '../fixtures/tones.ts';
import { lastHeard, toneNow } from './support/ear.ts';
import { importFiles, queueSong, startHosting, stopHosting, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const AUDIBLE_DBFS = -40;

interface Report {
  streams: {
    host: { epoch: number } | null;
    listeners: number;
    bitrateKbps: number;
    lastFrameAgeMs: number | null;
    title: string | null;
  }[];
}

test('one connection hears silence, a host, silence again, and the next host; the status tells it', async ({
  node,
  people,
}) => {
  const song = await tone({
    format: 'flac',
    hz: 440,
    seconds: 180,
    amplitude: 0.25,
    title: 'Through all hosts',
    artist: 'The Test',
  });
  const status = async () =>
    ((await (await fetch(`${node.httpOrigin}/stream/status`)).json()) as Report).streams[0];
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  await importFiles(anna.page, [song.path]);
  await queueSong(anna.page, 'Through all hosts');

  const ear = await listen(node.streamUrl);
  const level = () => toneNow(ear, song.hz);
  const silent = async () => isSilent(await lastHeard(ear));
  await expect.poll(silent, { timeout: 15_000 }).toBe(true);
  expect(await status()).toMatchObject({ host: null, listeners: 1 });

  await startHosting(anna.page);
  await expect.poll(level, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  const hosted = await status();
  expect(hosted).toMatchObject({ bitrateKbps: 128, title: 'The Test - Through all hosts' });
  expect(hosted?.lastFrameAgeMs).toBeLessThan(1000);

  await stopHosting(anna.page);
  await expect.poll(silent, { timeout: 15_000 }).toBe(true);
  await startHosting(bo.page);
  await expect.poll(level, { timeout: 30_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  expect((await status())?.host?.epoch).toBeGreaterThan(hosted?.host?.epoch ?? Infinity);

  // A host whose page is gone leaves silence behind, not a closed connection.
  await bo.context.close();
  await expect.poll(silent, { timeout: 15_000 }).toBe(true);
  expect(ear.ended).toBe(false);
  ear.close();
});

test('hosting again after a stop has a higher epoch, and after a reload goes on with the next tap', async ({
  node,
  people,
}) => {
  const epoch = async () =>
    ((await (await fetch(`${node.httpOrigin}/stream/status`)).json()) as Report).streams[0]?.host?.epoch ??
    null;
  const { page } = await people.join('Anna');
  await startHosting(page);
  await expect.poll(epoch).not.toBeNull();
  const first = (await epoch()) ?? Infinity;
  await stopHosting(page);
  await expect.poll(epoch).toBeNull();
  await startHosting(page);
  await expect.poll(epoch).toBeGreaterThan(first);

  await page.reload();
  await expect(page.getByText('This device was the host before the page was loaded')).toBeVisible();
  await expect.poll(epoch).toBeNull();
  await visit(page, 'Speakers');
  await expect.poll(epoch, { timeout: 20_000 }).toBeGreaterThan(first);
});
