/**
 * A home folder whose NSS database trusts the node's CA, so that TLS and service workers are as real as on a phone that
 * went through the landing page. Chromium 156 reads $HOME/.pki/nssdb at launch; so each node needs its own browser.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @param caPath PEM. Throws what certutil (Debian: libnss3-tools) said when it fails. */
export function homeThatTrusts(caPath: string): string {
  const home = mkdtempSync(join(tmpdir(), 'earshot-home-'));
  const folder = join(home, '.pki', 'nssdb');
  mkdirSync(folder, { recursive: true });
  const certutil = (...args: string[]): Buffer => execFileSync('certutil', ['-d', `sql:${folder}`, ...args]);
  certutil('-N', '--empty-password');
  certutil('-A', '-t', 'C,,', '-n', 'Earshot', '-i', caPath);
  return home;
}
