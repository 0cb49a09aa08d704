/**
 * `npm run certs -- --status`: what the node shows to browsers, for which names, and until when. `--renew`: a new leaf now,
 * under the same CA; a node that runs takes it within ten seconds. Takes the node's `--data`, `--cert` and `--key`.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { lanAddresses } from '../signaling/ops/addresses.ts';
import { leafPaths, localIdentity } from '../signaling/ops/certificate.ts';
import { ConfigError, type NodeConfig, parseCommand } from '../signaling/ops/config.ts';
import { constantNames } from '../signaling/ops/keeper.ts';

const DAY_MS = 86_400_000;
const ROOT = resolve(import.meta.dirname, '..');
const HELP = `npm run certs -- --status     what is valid until when, for which names
npm run certs -- --renew      a new leaf now, under the same CA (nobody has to trust anything again)

  --data <folder>             where they are (certs/)  [EARSHOT_DATA]
  --cert <file> --key <file>  a certificate of your own  [EARSHOT_CERT, EARSHOT_KEY]
`;

/** The names in OpenSSL's text form: `DNS:localhost, IP Address:127.0.0.1`. */
const namesOf = (certificate: X509Certificate): string =>
  (certificate.subjectAltName ?? '').replaceAll(/(DNS|IP Address):/g, '');

function describe(what: string, path: string): string[] {
  const certificate = new X509Certificate(readFileSync(path));
  const left = Math.floor((Date.parse(certificate.validTo) - Date.now()) / DAY_MS);
  const until = new Date(certificate.validTo).toISOString().slice(0, 10);
  const names = namesOf(certificate);
  return [
    `${what}  ${certificate.subject.replace(/^CN=/, '').replaceAll('\n', ', ')}`,
    `  valid until  ${until} (${left < 0 ? 'EXPIRED' : `${left} days left`})`,
    ...(names === '' ? [] : [`  names        ${names}`]),
    `  SHA-256      ${certificate.fingerprint256}`,
    `  file         ${path}`,
  ];
}

function warnings(keyPath: string): string[] {
  if (!existsSync(keyPath)) return [`  MISSING      ${keyPath}`];
  const isOpen = process.platform !== 'win32' && (statSync(keyPath).mode & 0o077) !== 0;
  return isOpen ? [`  WARNING      others can read ${keyPath}: chmod 600 it`] : [];
}

function status({ dataDir, ownCertificate }: NodeConfig): string[] {
  if (ownCertificate !== undefined) {
    const { certPath, keyPath } = ownCertificate;
    return [
      ...describe('Your own', certPath),
      ...warnings(keyPath),
      '',
      'The node renews nothing: this certificate is yours.',
    ];
  }
  const caPath = join(dataDir, 'ca.crt');
  const { certPath, keyPath } = leafPaths(dataDir);
  if (!existsSync(caPath) || !existsSync(certPath)) {
    return [`There is no certificate in ${dataDir} yet: npm start makes one.`];
  }
  return [
    ...describe('CA  ', caPath),
    ...warnings(join(dataDir, 'ca.key')),
    '',
    ...describe('Leaf', certPath),
    ...warnings(keyPath),
    '',
    'The node renews the leaf with less than 30 days left and for new addresses; devices go on trusting the CA.',
  ];
}

function renew({ dataDir, ownCertificate }: NodeConfig): void {
  if (ownCertificate !== undefined)
    throw new ConfigError('a certificate of your own is renewed where it came from');
  const names = [...constantNames('earshot.local'), ...lanAddresses(networkInterfaces())];
  localIdentity(dataDir, names, Date.now(), { renew: true });
}

try {
  const { values } = parseArgs({
    options: {
      status: { type: 'boolean' },
      renew: { type: 'boolean' },
      help: { type: 'boolean' },
      data: { type: 'string' },
      cert: { type: 'string' },
      key: { type: 'string' },
    },
  });
  const { data, cert, key } = values;
  const flags = Object.entries({ data, cert, key }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value],
  );
  const command = parseCommand(flags, process.env, ROOT, process.cwd());
  if (command.run !== 'start' || values.help === true || (values.status !== true && values.renew !== true)) {
    console.log(HELP);
    process.exitCode = values.help === true ? 0 : 2;
  } else {
    if (values.renew === true) renew(command.config);
    console.log(status(command.config).join('\n'));
  }
} catch (error) {
  console.error(`certs: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
