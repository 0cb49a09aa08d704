import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PeerCertificate } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Interfaces } from '../../../signaling/ops/addresses.ts';
import { ask, startNode, temporaryFolder, type TestNode, until } from './support.ts';

const DAY_MS = 86_400_000;
const LOOK = { lookMs: 20 };
const LOOPBACK = { lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true, cidr: '127.0.0.1/8' }] };
const wifi = (address: string): Interfaces => ({
  ...LOOPBACK,
  wlan0: [{ address, family: 'IPv4', internal: false, cidr: `${address}/24` }],
});

const nodes: TestNode[] = [];
const start = async (...args: Parameters<typeof startNode>): Promise<TestNode> => {
  const node = await startNode(...args);
  nodes.push(node);
  return node;
};
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});

/** What a browser that trusts only this CA is shown; throws when it would refuse. */
function shown(node: TestNode, ca = node.ca): Promise<PeerCertificate> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port: node.ports.https, host: '127.0.0.1', ca, rejectUnauthorized: ca !== '' },
      () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}
const namesOf = async (node: TestNode): Promise<string> => (await shown(node)).subjectaltname ?? '';

describe('the certificate of a node that runs', () => {
  it('follows the machine’s addresses, and so does everything that names them', async () => {
    let interfaces = wifi('192.168.1.20');
    let moved = 0;
    const node = await start({ bind: undefined }, { ...LOOK, interfaces: () => interfaces });
    node.onMoved(() => moved++);
    expect(await namesOf(node)).toContain('192.168.1.20');
    expect(node.info.joinUrl).toContain('192.168.1.20');
    const listening = await ask(`${node.httpUrl}/health`);
    expect(listening.status).toBe(200);

    interfaces = wifi('10.1.2.3');
    await until(async () => (await namesOf(node)).includes('10.1.2.3') || undefined);
    expect(await namesOf(node)).not.toContain('192.168.1.20');
    const info = JSON.parse((await ask(`${node.httpUrl}/node.json`)).text) as Record<string, string>;
    expect([info['joinUrl'], info['appUrl'], info['streamBaseUrl']]).toEqual([
      `http://10.1.2.3:${node.ports.http}/`,
      `https://10.1.2.3:${node.ports.https}/`,
      `http://10.1.2.3:${node.ports.http}`,
    ]);
    expect([node.joinLink.startsWith('http://10.1.2.3'), node.streamUrl]).toEqual([
      true,
      `http://10.1.2.3:${node.ports.http}/stream.mp3`,
    ]);
    const page = await ask(`${node.httpUrl}/`, { headers: { host: `10.1.2.3:${node.ports.http}` } });
    expect(page.text).toContain(`data-app="https://10.1.2.3:${node.ports.https}"`);
    expect(moved).toBe(1);
  });

  it('keeps the last address while there is no network', async () => {
    let interfaces = wifi('192.168.1.20');
    let looks = 0;
    const node = await start({ bind: undefined }, { ...LOOK, interfaces: () => (looks++, interfaces) });
    interfaces = LOOPBACK;
    const before = looks;
    await until(() => looks > before + 2 || undefined);
    expect(node.info.joinUrl).toContain('192.168.1.20');
  });

  it('is renewed before it ends, under the same CA', async () => {
    // It starts a year and two days ago, as a client would not believe a certificate from the future.
    let nowMs = Date.now() - 367 * DAY_MS;
    const node = await start({}, { ...LOOK, nowMs: () => nowMs });
    const first = await shown(node);
    nowMs += 365 * DAY_MS;
    const same = await shown(node);
    nowMs += 2 * DAY_MS;
    const next = await until(async () => {
      const seen = await shown(node);
      return seen.fingerprint256 === first.fingerprint256 ? undefined : seen;
    });
    expect(same.fingerprint256).toBe(first.fingerprint256);
    expect(Date.parse(next.valid_to) - Date.parse(first.valid_to)).toBeGreaterThan(360 * DAY_MS);
    expect(readFileSync(join(node.dataDir, 'ca.crt'), 'utf8')).toBe(node.ca);
    expect(node.info.certificate?.validUntilMs).toBe(Date.parse(next.valid_to));
  });

  it('of one’s own is never renewed, and read again when its file changes', async () => {
    const folder = temporaryFolder();
    const make = (name: string, days: number): void =>
      void execFileSync(
        'openssl',
        [
          ...[
            'req',
            '-x509',
            '-newkey',
            'ec',
            '-pkeyopt',
            'ec_paramgen_curve:P-256',
            '-nodes',
            '-days',
            String(days),
          ],
          ...['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'],
          ...['-keyout', join(folder.path, `${name}.key`), '-out', join(folder.path, `${name}.crt`)],
        ],
        { stdio: 'ignore' },
      );
    make('old', 5);
    make('new', 50);
    const paths = { certPath: join(folder.path, 'c'), keyPath: join(folder.path, 'k') };
    copyFileSync(join(folder.path, 'old.crt'), paths.certPath);
    copyFileSync(join(folder.path, 'old.key'), paths.keyPath);
    let interfaces = wifi('192.168.1.20');
    let looks = 0;
    const node = await start({ ownCertificate: paths }, { ...LOOK, interfaces: () => (looks++, interfaces) });
    const subject = async (): Promise<string> => String((await shown(node, '')).subject.CN);
    interfaces = wifi('10.0.0.1');
    // The certificate first, its key later: in between, the pair that fits is shown.
    copyFileSync(join(folder.path, 'new.crt'), paths.certPath);
    const before = looks;
    await until(() => looks > before + 2 || undefined);
    expect(await subject()).toBe('old');
    copyFileSync(join(folder.path, 'new.key'), paths.keyPath);
    await until(async () => (await subject()) === 'new' || undefined);
    expect(node.info.certificate?.issuedBy).toBe('own');
    folder.remove();
  });
});

describe('npm run certs', () => {
  const certs = (...args: string[]): { code: number | null; out: string; err: string } => {
    const script = new URL('../../../scripts/certs.ts', import.meta.url).pathname;
    const result = spawnSync(process.execPath, ['--import', 'tsx', script, ...args]);
    return { code: result.status, out: result.stdout.toString(), err: result.stderr.toString() };
  };

  it('tells what is valid until when, for which names, and by which fingerprint', async () => {
    const node = await start();
    const { fingerprint256 } = await shown(node);
    const { code, out } = certs('--status', '--data', node.dataDir);
    expect(code).toBe(0);
    expect(out).toMatch(/CA {4}Earshot on .*\n {2}valid until {2}\d{4}-\d\d-\d\d \(36\d\d days left\)/);
    expect(out).toMatch(/Leaf {2}Earshot LAN node\n {2}valid until {2}\d{4}-\d\d-\d\d \(39\d days left\)/);
    expect(out).toMatch(/names +localhost, earshot\.local, .*127\.0\.0\.1/);
    expect(out).toContain(fingerprint256);
    expect(out).not.toContain('WARNING');
    chmodSync(join(node.dataDir, 'ca.key'), 0o644);
    expect(certs('--status', '--data', node.dataDir).out).toContain('WARNING');
  });

  it('renews the leaf, and a node that runs shows the new one', async () => {
    const node = await start({}, LOOK);
    const before = await shown(node);
    const { code, out } = certs('--renew', '--data', node.dataDir);
    expect(code).toBe(0);
    const after = await until(async () => {
      const seen = await shown(node);
      return seen.fingerprint256 === before.fingerprint256 ? undefined : seen;
    });
    expect(out).toContain(after.fingerprint256);
  });

  it('says in one line what is wrong', () => {
    const folder = temporaryFolder();
    expect(certs('--status', '--data', folder.path).out).toContain('npm start makes one');
    writeFileSync(join(folder.path, 'x'), '');
    const own = ['--cert', join(folder.path, 'x'), '--key', join(folder.path, 'x')];
    expect(certs('--renew', ...own)).toMatchObject({
      code: 2,
      err: expect.stringContaining('of your own') as string,
    });
    expect(certs()).toMatchObject({ code: 2 });
    folder.remove();
  });
});
