/** Keeps the certificate fitting while the node runs: renewed before it ends and for new addresses, under the same CA. */
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Identity, isLeafDue, leafPaths, localIdentity, ownIdentity } from './certificate.ts';
import { ConfigError, type NodeConfig } from './config.ts';
import type { Log } from './log.ts';

export interface Keeper {
  identity(): Identity;
  /** Renews, or reads again, what is due. @returns true when there is another certificate now */
  check(): boolean;
}

export interface KeeperOptions {
  config: Pick<NodeConfig, 'dataDir' | 'ownCertificate'>;
  /** Names and addresses that the certificate should speak for, now. */
  names: () => readonly string[];
  /** Wall-clock milliseconds. */
  nowMs: () => number;
  log: Log;
}

/** Names that the leaf carries whatever the addresses are. */
export function constantNames(mdnsName: string): string[] {
  const machine = hostname().toLowerCase().split('.')[0] ?? '';
  return ['localhost', mdnsName, `${machine}.local`, '127.0.0.1', '::1'];
}

/** @throws ConfigError when there is no certificate to begin with */
export function createKeeper({ config, names, nowMs, log }: KeeperOptions): Keeper {
  const { ownCertificate } = config;
  const load = (): Identity =>
    ownCertificate === undefined
      ? localIdentity(config.dataDir, names(), nowMs())
      : ownIdentity(ownCertificate.certPath, ownCertificate.keyPath);
  const { certPath, keyPath } = ownCertificate ?? leafPaths(config.dataDir);
  const stamp = (): string =>
    [certPath, keyPath].map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 'none').join(' ');

  let identity = load();
  let seen = stamp();
  let failure = '';
  const tell = (): void =>
    log.info({
      event: 'certificate',
      made: identity.made,
      validUntil: new Date(identity.validUntilMs).toISOString(),
    });
  tell();

  return {
    identity: () => identity,
    check() {
      const now = stamp();
      // Changed by somebody else: replaced files of one's own, or `npm run certs -- --renew`.
      const isOther = now !== seen;
      if (!isOther && (ownCertificate !== undefined || !isLeafDue(identity, names(), nowMs()))) return false;
      try {
        identity = load();
        seen = stamp();
        failure = '';
        tell();
        return true;
      } catch (error) {
        // Half written, or the disk is full: the present one goes on, and the next check tries again.
        const reason = error instanceof ConfigError ? error.message : String(error);
        if (reason !== failure) log.error({ event: 'certificate-kept', reason });
        failure = reason;
        return false;
      }
    },
  };
}
