/** The node's TLS identity: a CA made once, a leaf renewed when it must be, or somebody's own certificate. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isPrivateAddress } from './addresses.ts';
import { ConfigError } from './config.ts';
import { readIfThere, writeWhole } from './files.ts';
import { issueAuthority, issueLeaf, PRIVATE_SUFFIXES } from './x509.ts';

const DAY_MS = 86_400_000;
const RENEW_LEAF_DAYS = 30;
/** A CA that could not outlive a new leaf is replaced. */
const RENEW_CA_DAYS = 400;

export interface Identity {
  /** PEM, for `https.createServer`. */
  cert: string;
  key: string;
  /** The CA that people trust, PEM and DER; null with a certificate of one's own. */
  authority: { pem: string; der: Buffer; name: string } | null;
  validUntilMs: number;
  /** The host name that a certificate of one's own speaks for; null when it names none but wildcards. */
  ownName: string | null;
  /** What this start did: for the log. */
  made: 'everything' | 'leaf' | 'nothing';
  /** True when the certificate speaks for this host name or address. */
  covers(host: string): boolean;
}

interface Pair {
  certificate: X509Certificate;
  pem: string;
  key: KeyObject;
  keyPem: string;
}

function covers(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
}

/** @throws ConfigError when the files are no certificate and key, or do not belong together */
function parsePair(pem: string, keyPem: string, certPath: string, keyPath: string): Pair {
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new ConfigError(`${certPath} is not a PEM certificate`);
  }
  try {
    key = createPrivateKey(keyPem);
  } catch {
    throw new ConfigError(`${keyPath} is not an unencrypted PEM private key`);
  }
  if (!certificate.checkPrivateKey(key)) throw new ConfigError(`${keyPath} is not the key of ${certPath}`);
  return { certificate, pem, key, keyPem };
}

function readFileOrSay(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}

/** A certificate of one's own. @throws ConfigError when unreadable or mismatched */
export function ownIdentity(certPath: string, keyPath: string): Identity {
  const pair = parsePair(readFileOrSay(certPath), readFileOrSay(keyPath), certPath, keyPath);
  return {
    cert: pair.pem,
    key: pair.keyPem,
    authority: null,
    ownName: /(?:^|, )DNS:([^*,]+)/.exec(pair.certificate.subjectAltName ?? '')?.[1] ?? null,
    validUntilMs: Date.parse(pair.certificate.validTo),
    made: 'nothing',
    covers: (host) => covers(pair.certificate, host),
  };
}

function readPair(dataDir: string, name: string): Pair | null {
  const certPath = join(dataDir, `${name}.crt`);
  const keyPath = join(dataDir, `${name}.key`);
  try {
    const pem = readIfThere(certPath);
    const keyPem = readIfThere(keyPath);
    if (pem === null && keyPem === null) return null;
    if (pem === null || keyPem === null) {
      throw new ConfigError(
        `${pem === null ? certPath : keyPath} is missing beside its other half: put it back or remove both`,
      );
    }
    return parsePair(pem, keyPem, certPath, keyPath);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      `${certPath} or its key cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    );
  }
}

function writePair(dataDir: string, name: string, pem: string, key: KeyObject): Pair {
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  writeWhole(join(dataDir, `${name}.key`), keyPem, 0o600);
  writeWhole(join(dataDir, `${name}.crt`), pem, 0o644);
  return { certificate: new X509Certificate(pem), pem, key, keyPem };
}

const daysLeft = (certificate: X509Certificate, nowMs: number): number =>
  (Date.parse(certificate.validTo) - nowMs) / DAY_MS;

const nameOf = (certificate: X509Certificate): string => certificate.subject.replace(/^CN=/, '');

/** What people see in their list of certificates: says which machine, in characters every system shows. */
function authorityName(): string {
  const machine = hostname()
    .replace(/[^\w.-]/g, '')
    .slice(0, 40);
  return `Earshot on ${machine === '' ? 'this machine' : machine}`;
}

/** The names a leaf can carry: the wanted ones that lie within the CA's constraints. */
export function signableNames(wanted: readonly string[]): string[] {
  return [...new Set(wanted)].filter((name) =>
    isIP(name) === 0
      ? /^[a-z0-9.-]{1,253}$/.test(name) &&
        PRIVATE_SUFFIXES.some((suffix) => name === suffix || name.endsWith(`.${suffix}`))
      : isPrivateAddress(name),
  );
}

export function leafPaths(dataDir: string): { certPath: string; keyPath: string } {
  return { certPath: join(dataDir, 'leaf.crt'), keyPath: join(dataDir, 'leaf.key') };
}

/** True when a local leaf should be renewed: it ends soon, or lacks one of these names. */
export function isLeafDue(
  identity: Pick<Identity, 'covers' | 'validUntilMs'>,
  names: readonly string[],
  nowMs: number,
): boolean {
  const endsSoon = identity.validUntilMs - nowMs < RENEW_LEAF_DAYS * DAY_MS;
  return endsSoon || !signableNames(names).every((name) => identity.covers(name));
}

/**
 * The local CA and a leaf from `dataDir`, made or renewed when needed: the leaf with less than 30 days left, or when it
 * lacks one of `names`, or at once with `renew`. Files: `ca.crt`, `ca.key` (0600), `leaf.crt`, `leaf.key` (0600).
 * @throws ConfigError when what is there cannot be used
 */
export function localIdentity(
  dataDir: string,
  names: readonly string[],
  nowMs: number,
  { renew = false } = {},
): Identity {
  const wanted = signableNames(names);
  let ca = readPair(dataDir, 'ca');
  let made: Identity['made'] = 'nothing';
  if (ca === null || daysLeft(ca.certificate, nowMs) < RENEW_CA_DAYS) {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    ca = writePair(dataDir, 'ca', issueAuthority(authorityName(), keys, nowMs), keys.privateKey);
    made = 'everything';
  }
  const authority = ca;
  let leaf = made === 'everything' || renew ? null : readPair(dataDir, 'leaf');
  const usable =
    leaf !== null &&
    leaf.certificate.verify(authority.certificate.publicKey) &&
    daysLeft(leaf.certificate, nowMs) >= RENEW_LEAF_DAYS &&
    wanted.every((name) => leaf !== null && covers(leaf.certificate, name));
  if (leaf === null || !usable) {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issuer = {
      name: nameOf(authority.certificate),
      publicKey: authority.certificate.publicKey,
      privateKey: authority.key,
    };
    leaf = writePair(dataDir, 'leaf', issueLeaf(wanted, keys.publicKey, issuer, nowMs), keys.privateKey);
    if (made === 'nothing') made = 'leaf';
  }
  const current = leaf.certificate;
  return {
    cert: leaf.pem,
    key: leaf.keyPem,
    authority: { pem: authority.pem, der: authority.certificate.raw, name: nameOf(authority.certificate) },
    ownName: null,
    validUntilMs: Date.parse(current.validTo),
    made,
    covers: (host) => covers(current, host),
  };
}
