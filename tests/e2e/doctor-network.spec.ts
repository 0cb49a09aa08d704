/** The room doctor: what the network, the other devices and the browser's answers do, each brought about for real. */
import { createSocket } from 'node:dgram';
import { rmSync } from 'node:fs';
import { chromium, type Page } from '@playwright/test';
import { CHROMIUM, CHROMIUM_ARGS } from './support/chromium.ts';
import { askDoctor, lookAgain, problem } from './support/doctor.ts';
import { PHONE } from './support/people.ts';
import { setPermission } from './support/permission.ts';
import { sayName } from './support/room.ts';
import { expect, test } from './support/test.ts';
import { homeThatTrusts } from './support/trust.ts';

// A look waits up to 4 s for what does not answer, and each test looks two or three times.
test.describe.configure({ timeout: 120_000 });

/** What a device does with what it has to say to the others; `holdBack` changes it. */
interface Holding {
  holdBack: { delayMs: number; muteClock: boolean };
}

/** Lets a device be slow, or deaf to questions for the time, from its first connection on. Nothing is held back at first. */
async function canHoldBack(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const held = { delayMs: 0, muteClock: false };
    Object.assign(window, { holdBack: held });

    const send = RTCDataChannel.prototype.send as (data: ArrayBuffer) => void;
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown): void {
      if (held.muteClock && this.label === 'clock') return;
      if (held.delayMs === 0) return send.call(this, data as ArrayBuffer);
      setTimeout(() => {
        if (this.readyState === 'open') send.call(this, data as ArrayBuffer);
      }, held.delayMs);
    };
  });
}

function holdBack(page: Page, change: Partial<Holding['holdBack']>): Promise<void> {
  return page.evaluate((change) => {
    Object.assign((window as unknown as Holding).holdBack, change);
  }, change);
}

test('a relay that is offered and never answers', async ({ people }) => {
  const silent = createSocket('udp4');
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
  const { port } = silent.address();
  const { page } = await people.join('Anna');
  const doctor = await askDoctor(page);
  await expect(problem(doctor, '(TURN)')).toBeHidden();
  let asked = 0;
  silent.on('message', () => asked++);
  await page.route('**/turn', (route) =>
    route.fulfill({
      json: {
        username: `${Math.round(Date.now() / 1000) + 600}:room:1`,
        credential: 'c2VjcmV0',
        ttlSeconds: 600,
        urls: [`turn:127.0.0.1:${port}?transport=udp`],
      },
    }),
  );
  await lookAgain(page);
  await expect(problem(doctor, 'relay (TURN) does not answer')).toContainText('let UDP through');
  await expect(problem(doctor, '(STUN)')).toBeHidden();
  expect(asked).toBeGreaterThan(0);
  silent.close();
  await page.unroute('**/turn');
  await lookAgain(page);
  await expect(problem(doctor, '(TURN)')).toBeHidden();
});

for (const name of ['local-network', 'local-network-access'] as const)
  test(`access to the local network refused (${name})`, async ({ people }) => {
    const { page } = await people.join('Anna');
    await setPermission(page, name, 'denied');
    const doctor = await askDoctor(page);
    const refused = problem(doctor, 'keeps this page from the devices on your network');
    await expect(refused).toContainText('allow access to devices on the local network');
    await expect(refused.getByRole('button', { name: 'Reload' })).toBeVisible();
    await setPermission(page, name, 'granted');
    await lookAgain(page);
    await expect(refused).toBeHidden();
    await doctor.getByText(/^What works/).click();
    await expect(doctor.getByText('lets this page reach devices on your network')).toBeVisible();
  });

test('little space left, and next to none', async ({ node }) => {
  // Chromium tells every site 10 GiB more than it uses, whatever there is; without that it tells what it would give.
  const telling = CHROMIUM_ARGS.map((arg) =>
    arg.startsWith('--disable-features=') ? `${arg},StaticStorageQuota` : arg,
  );
  const home = homeThatTrusts(node.caPath);
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    env: { ...process.env, HOME: home },
    args: telling,
  });
  const context = await browser.newContext({ viewport: PHONE });
  const page = await context.newPage();
  await page.goto(node.appLink);
  await sayName(page, 'Anna');
  const session = await context.newCDPSession(page);
  const { origin } = new URL(page.url());
  const give = (quotaSize: number): Promise<unknown> =>
    session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
  await give(300e6);
  const doctor = await askDoctor(page);
  const space = problem(doctor, /There is room for \d+ MB more/);
  await expect(space).toContainText(/Mind:.*room for 300 MB more/s);
  await expect(space).toContainText('Remove songs from this device');
  await give(40e6);
  await lookAgain(page);
  await expect(space).toContainText(/Wrong:.*room for 40 MB more/s);
  await give(5e9);
  await lookAgain(page);
  await expect(space).toBeHidden();
  await browser.close();
  rmSync(home, { recursive: true, force: true });
});

test('somebody is here who does not tell the time: it is not known, until they do', async ({
  node,
  people,
}) => {
  // Who came first leads the time.
  const bo = await people.arrive('Bo');
  await canHoldBack(bo.page);
  await bo.page.goto(node.appLink);
  await sayName(bo.page, 'Bo');
  await holdBack(bo.page, { muteClock: true });
  const anna = await people.join('Anna');
  await expect(anna.page.getByRole('button', { name: '2 here' })).toBeVisible();
  const doctor = await askDoctor(anna.page);
  const unknown = problem(doctor, 'does not know the room’s time yet');
  await expect(unknown).toContainText('see to the connections first');
  await expect(doctor.getByRole('figure').getByText(/^(direct|connected).* \d+ ms$/)).toBeVisible();
  await holdBack(bo.page, { muteClock: false });
  await expect(async () => {
    await lookAgain(anna.page);
    await expect(unknown).toBeHidden();
  }).toPass({ timeout: 30_000 });
});

test('a way that takes long, there and back: it is named, and so is what the time suffers by it', async ({
  node,
  people,
}) => {
  const bo = await people.arrive('Bo');
  await canHoldBack(bo.page);
  await bo.page.goto(node.appLink);
  await sayName(bo.page, 'Bo');
  await holdBack(bo.page, { delayMs: 200 });
  const anna = await people.join('Anna');
  await expect(anna.page.getByRole('button', { name: '2 here' })).toBeVisible();
  const doctor = await askDoctor(anna.page);
  await expect(async () => {
    await lookAgain(anna.page);
    await expect(problem(doctor, 'to 1 device takes longer than 80 ms')).toContainText(
      'nearer to the router',
    );
    await expect(problem(doctor, /time takes [2-9]\d\d ms to get here and back/)).toContainText('in step');
  }).toPass({ timeout: 30_000 });
  await expect(
    doctor
      .getByRole('figure')
      .getByText(/[2-9]\d\d ms$/)
      .first(),
  ).toBeVisible();
  await holdBack(bo.page, { delayMs: 0 });
  await expect(async () => {
    await lookAgain(anna.page);
    await expect(problem(doctor, 'takes longer than')).toBeHidden();
  }).toPass({ timeout: 30_000 });
});
