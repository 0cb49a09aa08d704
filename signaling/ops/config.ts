/** The command line and the environment, parsed once into what the node needs. Pure: both are arguments. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isSecret } from '../protocol/secret.ts';

/** Something the person who starts the node has to change: one clear line and exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface IcecastTarget {
  /** Without the brackets of an IPv6 address. */
  host: string;
  port: number;
  /** With its leading slash. */
  mount: string;
  user: string;
  password: string;
}

export interface NodeConfig {
  /** HTTPS: the app, introductions, uplinks, and the stream for browsers. */
  port: number;
  /** Plain HTTP: the landing page and the stream for loudspeakers, which reject local certificates. */
  httpPort: number;
  /** UDP: STUN and TURN. */
  stunPort: number;
  /** UDP ports of relayed addresses; undefined: whatever the system gives. */
  relayPorts: { first: number; last: number } | undefined;
  /** Whether `earshot.local` is announced. */
  mdns: boolean;
  /** Whether loudspeakers are looked for on the LAN. */
  speakers: boolean;
  /** Undefined: every address, IPv4 and IPv6. */
  bind: string | undefined;
  /** Absolute. Holds the CA, the leaf, their keys and the default room. */
  dataDir: string;
  /** A certificate of one's own; both or neither. Absolute paths. */
  ownCertificate: { certPath: string; keyPath: string } | undefined;
  /** Origin, without a trailing slash. */
  publicUrl: string | undefined;
  /** Base below which `/stream.mp3` hangs, without a trailing slash. */
  streamUrl: string | undefined;
  /** An Icecast that gets the default room's stream. */
  icecast: IcecastTarget | undefined;
  /** TCP source of a Snapserver that gets the default room's sound. */
  snapcast: { host: string; port: number } | undefined;
  strictPorts: boolean;
  /** The secret of a room that becomes the node's own from now on; undefined: it keeps the one that it has. */
  roomSecret: string | undefined;
  /** The built app. Absolute. */
  distDir: string;
}

export type ParsedCommand = { run: 'start'; config: NodeConfig } | { run: 'help' } | { run: 'version' };

interface Flag {
  name: string;
  value: string | null;
  help: string;
}

const FLAGS: readonly Flag[] = [
  { name: 'port', value: 'number', help: 'HTTPS port of the app (8443)' },
  { name: 'http-port', value: 'number', help: 'HTTP port of the landing page and the stream (8097)' },
  { name: 'stun-port', value: 'number', help: 'UDP port of STUN and TURN (3478)' },
  { name: 'relay-ports', value: 'range', help: 'UDP ports of the relay, e.g. 50000-50999 (any free)' },
  { name: 'bind', value: 'address', help: 'listen on this address only (all)' },
  { name: 'data', value: 'folder', help: 'where the certificates and the room live (certs/)' },
  { name: 'room', value: 'link', help: "a room's link, in quotes: it becomes this computer's own room" },
  { name: 'cert', value: 'file', help: 'certificate of your own, PEM; needs --key' },
  { name: 'key', value: 'file', help: 'its private key, PEM; needs --cert' },
  { name: 'public-url', value: 'url', help: 'HTTPS address of the app when a proxy stands in front' },
  { name: 'stream-url', value: 'url', help: 'what speakers are told, when a proxy stands in front' },
  { name: 'icecast', value: 'url', help: 'feed an Icecast: http://source:password@host:port/mount' },
  { name: 'snapcast', value: 'host:port', help: 'feed the TCP source of a Snapserver; needs ffmpeg' },
  {
    name: 'strict-ports',
    value: null,
    help: 'a taken port is an error instead of moving to the next free one',
  },
  { name: 'no-mdns', value: null, help: 'do not announce earshot.local' },
  { name: 'no-speakers', value: null, help: 'do not look for loudspeakers on the LAN' },
  { name: 'help', value: null, help: 'print this' },
  { name: 'version', value: null, help: 'print the version' },
];

function variableName(flag: string): string {
  return `EARSHOT_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** The text of `--help`. */
export function helpText(): string {
  const rows = FLAGS.map((flag) => {
    const left = flag.value === null ? `--${flag.name}` : `--${flag.name} <${flag.value}>`;
    const variable = flag.name === 'help' || flag.name === 'version' ? '' : `  [${variableName(flag.name)}]`;
    return `  ${left.padEnd(24)} ${flag.help}${variable}`;
  });
  return ['earshot: the LAN node', '', 'Usage: npx tsx signaling/main.ts [flags]', '', ...rows, ''].join(
    '\n',
  );
}

function port(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535)
    throw new ConfigError(`${name}: "${text}" is not a port (0 to 65535)`);
  return value;
}

function portRange(name: string, text: string | undefined): NodeConfig['relayPorts'] {
  if (text === undefined) return undefined;
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(text)?.map(Number) ?? [];
  if (first === undefined || last === undefined || first < 1024 || last < first || last > 65_535) {
    throw new ConfigError(`${name}: "${text}" is not a range of ports such as 50000-50999`);
  }
  return { first, last };
}

function baseUrl(name: string, text: string | undefined, protocols: readonly string[]): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !protocols.includes(url.protocol) || url.search !== '' || url.hash !== '') {
    const schemes = protocols.map((protocol) => `${protocol}//`).join(' or ');
    throw new ConfigError(`${name}: "${text}" is not an address that begins with ${schemes}`);
  }
  return url.href.replace(/\/+$/, '');
}

/** In errors the text is not repeated: it holds a password. */
function icecast(name: string, text: string | undefined): IcecastTarget | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isMount = url !== null && /^\/[^/]/.test(url.pathname) && url.search === '' && url.hash === '';
  if (url?.protocol !== 'http:' || url.password === '' || !isMount) {
    throw new ConfigError(`${name}: not an address such as http://source:password@host:8000/room.mp3`);
  }
  try {
    return {
      host: bare(url.hostname),
      port: Number(url.port === '' ? 80 : url.port),
      mount: url.pathname,
      user: url.username === '' ? 'source' : decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
    };
  } catch {
    throw new ConfigError(`${name}: user and password: write % as %25`);
  }
}

function hostAndPort(name: string, text: string | undefined): NodeConfig['snapcast'] {
  if (text === undefined) return undefined;
  const url = URL.canParse(`tcp://${text}`) ? new URL(`tcp://${text}`) : null;
  if (url === null || url.host !== text.toLowerCase() || url.hostname === '' || Number(url.port) === 0) {
    throw new ConfigError(`${name}: "${text}" is not host:port, e.g. 10.0.0.5:4953`);
  }
  return { host: bare(url.hostname), port: Number(url.port) };
}

/** Of a link, or by itself. In errors it is not repeated: who has it is in the room. */
function roomSecret(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const secret = text.slice(text.indexOf('#') + 1);
  if (!isSecret(secret)) {
    throw new ConfigError(`${name}: not a room's link; give it in quotes, with all that follows #`);
  }
  return secret;
}

/** Sockets want IPv6 addresses without brackets. */
const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

function isTrue(name: string, text: string | boolean | undefined): boolean {
  if (typeof text === 'boolean') return text;
  if (text === undefined || text === '' || text === '0' || text === 'false') return false;
  if (text === '1' || text === 'true') return true;
  throw new ConfigError(`${name}: "${text}" is neither true nor false`);
}

function parseFlags(args: readonly string[]): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(
    FLAGS.map((flag) => [
      flag.name,
      { type: flag.value === null ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const line = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error);
    throw new ConfigError(`${line}; --help lists the flags`);
  }
}

/**
 * Flags win over `EARSHOT_*` variables, which win over the defaults.
 * @param rootDir the repository: `certs/` and `dist/` are looked for in it; relative paths are taken from `cwd`
 * @throws ConfigError for an unknown flag or a value that makes no sense
 */
export function parseCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  rootDir: string,
  cwd: string,
): ParsedCommand {
  const flags = parseFlags(args);
  if (flags['help'] === true) return { run: 'help' };
  if (flags['version'] === true) return { run: 'version' };

  const named = (flag: string): [string, string | undefined] => {
    const given = flags[flag];
    if (typeof given === 'string') return [`--${flag}`, given];
    const variable = env[variableName(flag)];
    return [variableName(flag), variable === '' ? undefined : variable];
  };
  const path = (flag: string): string | undefined => {
    const [name, text] = named(flag);
    if (text === '') throw new ConfigError(`${name}: a path is missing`);
    return text === undefined ? undefined : resolve(cwd, text);
  };

  const [bindName, bind] = named('bind');
  if (bind !== undefined && isIP(bind) === 0)
    throw new ConfigError(`${bindName}: "${bind}" is not an IP address`);

  const certPath = path('cert');
  const keyPath = path('key');
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw new ConfigError('--cert and --key belong together: give both or neither');
  }

  return {
    run: 'start',
    config: {
      port: port(...named('port'), 8443),
      httpPort: port(...named('http-port'), 8097),
      stunPort: port(...named('stun-port'), 3478),
      relayPorts: portRange(...named('relay-ports')),
      mdns: !isTrue('EARSHOT_NO_MDNS', flags['no-mdns'] ?? env['EARSHOT_NO_MDNS']),
      speakers: !isTrue('EARSHOT_NO_SPEAKERS', flags['no-speakers'] ?? env['EARSHOT_NO_SPEAKERS']),
      bind,
      dataDir: path('data') ?? resolve(rootDir, 'certs'),
      ownCertificate: certPath === undefined || keyPath === undefined ? undefined : { certPath, keyPath },
      publicUrl: baseUrl(...named('public-url'), ['https:']),
      streamUrl: baseUrl(...named('stream-url'), ['http:', 'https:']),
      icecast: icecast(...named('icecast')),
      snapcast: hostAndPort(...named('snapcast')),
      roomSecret: roomSecret(...named('room')),
      strictPorts: isTrue('EARSHOT_STRICT_PORTS', flags['strict-ports'] ?? env['EARSHOT_STRICT_PORTS']),
      distDir: resolve(rootDir, 'dist'),
    },
  };
}
