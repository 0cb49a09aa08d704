/** The room doctor: each red line is brought about for real, and named with its next step; then it goes again. */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askDoctor, lookAgain, lookedAround, problem, problemsNamed } from './support/doctor.ts';
import { startNode } from './support/node.ts';
import { createPeople } from './support/people.ts';
import { sayName } from './support/room.ts';
import { expect, test } from './support/test.ts';

const DIST = new URL('../../dist', import.meta.url).pathname;

// A look waits up to 4 s for what does not answer, and each test looks two or three times.
test.describe.configure({ timeout: 120_000 });

test('with everything well it says so; storage that is not kept is named; the report gives nothing away', async ({
  node,
  people,
}) => {
  const anna = await people.join('Anna Example');
  const bo = await people.join('Bo Example');
  await expect(anna.page.getByRole('button', { name: '2 here' })).toBeVisible();
  await anna.page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);
  const doctor = await askDoctor(anna.page);
  await expect(problem(doctor, 'may throw the songs')).toContainText('home screen');
  await expect(doctor.getByRole('button', { name: 'Keep them' })).toBeVisible();
  expect(await problemsNamed(doctor)).toEqual([expect.stringContaining('may throw the songs')]);
  const named = await problem(doctor, '').count();
  await expect(doctor.getByText(`${named} ${named === 1 ? 'thing' : 'things'} to see to.`)).toBeVisible();
  await expect(doctor.getByRole('figure').getByText('Bo Example')).toBeVisible();
  await expect(doctor.getByRole('figure').getByText(/^(direct|connected).* \d+ ms$/)).toBeVisible();
  await doctor.getByText(/^What works/).click();
  for (const works of ['came over HTTPS', 'certificate is good', '(STUN)', '(TURN)', 'without the network'])
    await expect(doctor.getByText(works)).toBeVisible();

  await anna.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await doctor.getByRole('button', { name: 'Copy report' }).click();
  await expect(doctor.getByRole('button', { name: 'Copied' })).toBeVisible();
  const report = await anna.page.evaluate(() => navigator.clipboard.readText());
  expect(report).toContain('room doctor');
  expect(report).toContain('storage-kept');
  const known = await anna.page.evaluate(() => localStorage.getItem('earshot.device') ?? '');
  const { memberId, nodeInfo } = JSON.parse(known) as {
    memberId: string;
    nodeInfo: { defaultRoomId: string };
  };
  for (const hidden of [node.secret, memberId, nodeInfo.defaultRoomId, 'Anna', 'Bo Example', '#'])
    expect(report).not.toContain(hidden);
  await bo.context.close();
});

test('a refused microphone', async ({ people }) => {
  const { page } = await people.join('Anna', { refuseMicrophone: true });
  await page.getByRole('button', { name: 'Hold to talk' }).click();
  await page.getByRole('alert').getByRole('button', { name: 'OK' }).click();
  await expect(problem(await askDoctor(page), 'The microphone is not allowed')).toContainText(
    'allow the microphone',
  );
});

test('a node that stops, and its stream with it; both are well again when it is back', async ({
  node,
  people,
}) => {
  const { page } = await people.join('Anna');
  const doctor = await askDoctor(page);
  await expect(doctor.getByText('does not answer')).toBeHidden();
  await node.stop();
  await lookAgain(page);
  await expect(problem(doctor, 'The computer that runs Earshot does not answer')).toContainText('Is it on');
  await expect(problem(doctor, 'does not reach this device')).toContainText('get that one back');
  await expect(problem(doctor, 'STUN')).toBeHidden();
  await node.start();
  await lookAgain(page);
  await expect(doctor.getByText('does not answer')).toBeHidden();
});

test('an app that is not kept for offline', async ({ people }) => {
  const { page } = await people.join('Anna');
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    for (const registration of await navigator.serviceWorker.getRegistrations())
      await registration.unregister();
  });
  const doctor = await askDoctor(page);
  const missing = problem(doctor, 'without the node it does not open');
  await expect(missing).toContainText('Reload the page');
  await Promise.all([page.waitForEvent('load'), missing.getByRole('button', { name: 'Reload' }).click()]);
  await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);
  await expect(problem(await askDoctor(page), 'does not open')).toBeHidden();
});

test('a page without HTTPS: the doctor is there, too, and names that cause alone', async ({ people }) => {
  const server = createServer((request, response) => {
    const path = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1);
    readFile(join(DIST, path)).then(
      (body) =>
        response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html').end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { page } = await people.arrive('Anna', { insecureHost: 'earshot.local' });
  await page.goto(`http://earshot.local:${(server.address() as AddressInfo).port}/#${'A'.repeat(22)}`);
  await page.getByRole('button', { name: 'What is wrong?' }).click();
  const doctor = await lookedAround(page);
  await expect(problem(doctor, 'did not come over a trusted HTTPS connection')).toContainText(
    'Open the join link again',
  );
  for (const consequence of ['microphone is', 'home screen', 'does not open'])
    await expect(problem(doctor, consequence)).toBeHidden();
  server.close();
});

test('a STUN port that nothing answers on', async ({ node, people }) => {
  // A firewall that drops: the port takes everything and says nothing.
  const silent = createSocket('udp4');
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
  const info = (await (await fetch(`${node.httpOrigin}/node.json`)).json()) as object;
  const ports = {};
  const { page } = await people.arrive('Anna');
  await page.route('**/node.json', (route) => route.fulfill({ json: { ...info, ...ports } }));
  // A relay that works proves the port by itself.
  await page.route('**/turn', (route) => route.fulfill({ status: 503, json: { refused: 'no-relay' } }));
  await page.goto(node.appLink);
  await sayName(page, 'Anna');
  const doctor = await askDoctor(page);
  await expect(problem(doctor, '(TURN is off)')).toContainText('would not meet');
  await expect(problem(doctor, '(STUN)')).toBeHidden();
  Object.assign(ports, { stunPort: silent.address().port });
  await lookAgain(page);
  await expect(problem(doctor, '(STUN)')).toContainText('let UDP through');
  silent.close();
});

test('a browser that gives the page no address', async ({ people }) => {
  const { page } = await people.join('Anna', { withoutWebRtc: true });
  const doctor = await askDoctor(page);
  await expect(problem(doctor, 'gives this page no network address')).toContainText('VPN');
});

test('a certificate of one’s own that is about to end', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'earshot-own-'));
  const at = (name: string): string => join(dataDir, name);
  const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    ...['req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.crt'), '-days', '90'],
    ...['-subj', '/CN=A CA of the house'],
  );
  openssl(...['req', ...key, '-keyout', at('own.key'), '-out', at('own.csr'), '-subj', '/CN=127.0.0.1']);
  writeFileSync(at('own.ext'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', at('own.csr'), '-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial'],
    ...['-out', at('own.crt'), '-days', '6', '-extfile', at('own.ext')],
  );
  const node = await startNode({ dataDir, args: ['--cert', at('own.crt'), '--key', at('own.key')] });
  const people = createPeople(node);
  const { page } = await people.join('Anna');
  await expect(problem(await askDoctor(page), /certificate ends in 5 days/)).toContainText('--cert');
  await people.close();
  await node.close();
  rmSync(dataDir, { recursive: true, force: true });
});
