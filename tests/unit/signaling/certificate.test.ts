import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localIdentity, ownIdentity, signableNames } from '../../../signaling/ops/certificate.ts';
import { ConfigError } from '../../../signaling/ops/config.ts';
import { issueLeaf } from '../../../signaling/ops/x509.ts';
import { temporaryFolder } from './support.ts';

const NAMES = ['localhost', 'earshot.local', '127.0.0.1', '::1', '192.168.1.20', 'fd00::7'];
const DAY_MS = 86_400_000;
const now = Date.now();

let folder: ReturnType<typeof temporaryFolder>;
let at: (name: string) => string;
beforeEach(() => {
  folder = temporaryFolder();
  at = (name) => join(folder.path, name);
});
afterEach(() => folder.remove());

/** What OpenSSL says of a leaf that the CA signed for these names. */
function verdict(names: string[]): string {
  const ca = new X509Certificate(readFileSync(at('ca.crt')));
  const authority = {
    name: ca.subject.replace('CN=', ''),
    publicKey: ca.publicKey,
    privateKey: createPrivateKey(readFileSync(at('ca.key'))),
  };
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(at('probe.crt'), issueLeaf(names, publicKey, authority, now));
  const result = spawnSync('openssl', ['verify', '-x509_strict', '-CAfile', at('ca.crt'), at('probe.crt')]);
  return result.stdout.toString() + result.stderr.toString();
}

describe('the local certificate', () => {
  it('is one that OpenSSL accepts, for 397 days at most, with keys that only their owner reads', () => {
    const identity = localIdentity(folder.path, NAMES, now);
    expect(identity.made).toBe('everything');
    const verified = execFileSync('openssl', [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      at('ca.crt'),
      at('leaf.crt'),
    ]);
    expect(verified.toString()).toContain('OK');
    const leaf = new X509Certificate(readFileSync(at('leaf.crt')));
    expect(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)).toBeLessThanOrEqual(397 * DAY_MS);
    expect(Date.parse(leaf.validFrom)).toBeLessThan(now);
    for (const name of NAMES) expect([name, identity.covers(name)]).toEqual([name, true]);
    expect(identity.covers('192.168.1.21')).toBe(false);
    for (const key of ['ca.key', 'leaf.key']) expect(statSync(at(key)).mode & 0o777).toBe(0o600);
  });

  it('comes from a CA that cannot speak for public names or addresses', () => {
    localIdentity(folder.path, NAMES, now);
    expect(verdict(['kitchen.local', '10.1.2.3', 'fe80::1', 'nas.home.arpa'])).toContain('OK');
    for (const name of ['example.com', '8.8.8.8', '2001:4860:4860::8888', 'evil-local', '172.32.0.1']) {
      expect([name, verdict([name])]).toEqual([name, expect.stringContaining('permitted subtree violation')]);
    }
    expect(signableNames(['a.local', 'a.local', 'example.com', '8.8.8.8', '10.0.0.1', 'b ad.local'])).toEqual(
      ['a.local', '10.0.0.1'],
    );
  });

  it('lets a TLS client in that trusts the CA, and only that one', async () => {
    const identity = localIdentity(folder.path, NAMES, now);
    const server = createServer({ cert: identity.cert, key: identity.key });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const attempt = (ca: string[]): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ port, host: '127.0.0.1', ca }, () => {
          resolve(`authorized ${socket.authorized}`);
          socket.destroy();
        });
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      });
    expect(await attempt([identity.authority?.pem ?? ''])).toBe('authorized true');
    expect(await attempt([])).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    await new Promise((resolve) => server.close(resolve));
  });

  it('is kept while it fits, and renewed under the same CA when days or names run out', () => {
    const first = localIdentity(folder.path, NAMES, now);
    const again = localIdentity(folder.path, NAMES, now);
    expect([again.made, again.cert]).toEqual(['nothing', first.cert]);
    expect(localIdentity(folder.path, NAMES, now + 365 * DAY_MS).made).toBe('nothing');

    const moved = localIdentity(folder.path, [...NAMES, '192.168.1.99'], now);
    expect([moved.made, moved.authority?.pem]).toEqual(['leaf', first.authority?.pem]);
    expect(moved.covers('192.168.1.99')).toBe(true);

    const old = localIdentity(folder.path, NAMES, now + 367 * DAY_MS);
    expect([old.made, old.authority?.pem]).toEqual(['leaf', first.authority?.pem]);
    expect(localIdentity(folder.path, NAMES, now + 3640 * DAY_MS).made).toBe('everything');
  });

  it('replaces a leaf that another CA signed', () => {
    const other = temporaryFolder();
    localIdentity(other.path, NAMES, now);
    localIdentity(folder.path, NAMES, now);
    for (const name of ['leaf.crt', 'leaf.key']) copyFileSync(join(other.path, name), at(name));
    other.remove();
    expect(localIdentity(folder.path, NAMES, now).made).toBe('leaf');
  });

  it('says which file is at fault', () => {
    localIdentity(folder.path, NAMES, now);
    const refused = (): unknown => {
      try {
        return localIdentity(folder.path, NAMES, now);
      } catch (error) {
        return error;
      }
    };
    copyFileSync(at('leaf.key'), at('ca.key'));
    expect(refused()).toEqual(new ConfigError(`${at('ca.key')} is not the key of ${at('ca.crt')}`));
    rmSync(at('ca.key'));
    expect(String(refused())).toContain(`${at('ca.key')} is missing beside its other half`);
    writeFileSync(at('ca.key'), 'x');
    expect(String(refused())).toContain(`${at('ca.key')} is not an unencrypted PEM private key`);
    rmSync(at('ca.crt'));
    mkdirSync(at('ca.crt'));
    expect(refused()).toBeInstanceOf(ConfigError);
  });
});

describe('a certificate of one’s own', () => {
  it('is used as it is', () => {
    const subject = [
      '-subj',
      '/CN=x',
      '-addext',
      'subjectAltName=DNS:*.party.example,DNS:party.example,IP:10.0.0.1',
    ];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '9',
        '-keyout',
        at('k'),
        '-out',
        at('c'),
        ...subject,
      ],
      { stdio: 'ignore' },
    );
    const identity = ownIdentity(at('c'), at('k'));
    expect(identity.authority).toBeNull();
    expect(identity.ownName).toBe('party.example');
    expect([identity.covers('10.0.0.1'), identity.covers('a.party.example'), identity.covers('b')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is refused by name when it is missing, is none, or has another key', () => {
    expect(() => ownIdentity(at('none'), at('none'))).toThrow(
      new ConfigError(`${at('none')} cannot be read (ENOENT)`),
    );
    localIdentity(folder.path, NAMES, now);
    expect(() => ownIdentity(at('leaf.key'), at('leaf.key'))).toThrow(/leaf.key is not a PEM certificate/);
    expect(() => ownIdentity(at('leaf.crt'), at('ca.key'))).toThrow(/ca.key is not the key of .*leaf.crt/);
  });
});
