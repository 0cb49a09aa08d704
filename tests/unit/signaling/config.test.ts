import { describe, expect, it } from 'vitest';
import { ConfigError, helpText, type NodeConfig, parseCommand } from '../../../signaling/ops/config.ts';

function parse(args: string[], env: Record<string, string> = {}): NodeConfig {
  const command = parseCommand(args, env, '/repo', '/here');
  if (command.run !== 'start') throw new Error(`unexpected ${command.run}`);
  return command.config;
}

const SECRET = 'AbCdEfGhIjKlMnOpQrStUg';

describe('configuration', () => {
  it('has the documented defaults', () => {
    expect(parse([])).toEqual({
      port: 8443,
      httpPort: 8097,
      stunPort: 3478,
      relayPorts: undefined,
      mdns: true,
      speakers: true,
      bind: undefined,
      dataDir: '/repo/certs',
      ownCertificate: undefined,
      publicUrl: undefined,
      streamUrl: undefined,
      icecast: undefined,
      snapcast: undefined,
      strictPorts: false,
      roomSecret: undefined,
      distDir: '/repo/dist',
    });
  });

  it('takes every flag, paths from the current folder and addresses without a trailing slash', () => {
    const flags =
      '--port 1 --http-port 2 --stun-port 3 --bind ::1 --data d --cert c.pem --key /k.pem --strict-ports --relay-ports 50000-50010 --no-mdns --no-speakers';
    const urls = '--public-url https://party.example:444/ --stream-url http://10.0.0.1:80/x/';
    const relays = '--icecast http://source:a%2Fb@ice:8000/room.mp3 --snapcast [::1]:4953';
    const room = `--room https://10.0.0.1:8443/#${SECRET}`;
    expect(parse(`${flags} ${urls} ${relays} ${room}`.split(' '))).toEqual({
      port: 1,
      httpPort: 2,
      stunPort: 3,
      relayPorts: { first: 50_000, last: 50_010 },
      mdns: false,
      speakers: false,
      bind: '::1',
      dataDir: '/here/d',
      ownCertificate: { certPath: '/here/c.pem', keyPath: '/k.pem' },
      publicUrl: 'https://party.example:444',
      streamUrl: 'http://10.0.0.1/x',
      icecast: { host: 'ice', port: 8000, mount: '/room.mp3', user: 'source', password: 'a/b' },
      snapcast: { host: '::1', port: 4953 },
      strictPorts: true,
      roomSecret: SECRET,
      distDir: '/repo/dist',
    });
  });

  it('takes variables, and a flag wins over its variable', () => {
    const env = { EARSHOT_HTTP_PORT: '5', EARSHOT_PORT: '6', EARSHOT_STRICT_PORTS: 'true', EARSHOT_BIND: '' };
    const config = parse(['--port', '7'], env);
    expect([config.httpPort, config.port, config.strictPorts, config.bind]).toEqual([5, 7, true, undefined]);
  });

  it.each([
    [['--nope'], /--nope/],
    [['extra'], /extra/],
    [['--port'], /--port/],
    [['--port', '70000'], /--port: "70000" is not a port/],
    [['--port', '8x'], /is not a port/],
    [['--relay-ports', '50010-50000'], /--relay-ports: .* is not a range of ports/],
    [['--relay-ports', '80-90'], /--relay-ports/],
    [['--bind', 'kitchen'], /--bind: "kitchen" is not an IP address/],
    [['--cert', 'a'], /--cert and --key belong together/],
    [['--public-url', 'http://a'], /--public-url.*https:\/\//],
    [['--stream-url', 'nonsense'], /--stream-url/],
    [['--icecast', 'http://ice:8000/room.mp3'], /--icecast: not an address such as/],
    [['--icecast', 'http://source:pw@ice:8000/'], /--icecast/],
    [['--icecast', 'https://source:pw@ice:8000/a'], /--icecast/],
    [['--icecast', 'http://source:%zz@ice:8000/a'], /write % as %25/],
    [['--snapcast', 'snap'], /--snapcast: "snap" is not host:port/],
    [['--snapcast', 'snap:0'], /--snapcast/],
    [['--snapcast', 'snap:4953/x'], /--snapcast/],
    [['--room', 'https://10.0.0.1:8443/'], /--room: not a room's link/],
    [['--room', `${SECRET.slice(1)}`], /--room: not a room's link/],
    [['--data', ''], /--data: a path is missing/],
  ])('refuses %j in one line', (args, message) => {
    expect(() => parse(args)).toThrow(ConfigError);
    expect(() => parse(args)).toThrow(message);
    expect(() => parse(args)).not.toThrow(/\n/);
  });

  it('does not repeat a password', () => {
    expect(() => parse(['--icecast', 'ftp://source:hidden@ice/a'])).not.toThrow(/hidden/);
  });

  it('names the variable that is wrong', () => {
    expect(() => parse([], { EARSHOT_STUN_PORT: '-1' })).toThrow(/EARSHOT_STUN_PORT: "-1"/);
    expect(() => parse([], { EARSHOT_STRICT_PORTS: 'maybe' })).toThrow(/neither true nor false/);
  });

  it('answers --help and --version without looking further', () => {
    expect(parseCommand(['--help'], { EARSHOT_PORT: 'x' }, '/', '/')).toEqual({ run: 'help' });
    expect(parseCommand(['--version'], {}, '/', '/')).toEqual({ run: 'version' });
    const flags = [
      'port',
      'http-port',
      'stun-port',
      'bind',
      'data',
      'cert',
      'key',
      'public-url',
      'stream-url',
      'icecast',
      'snapcast',
    ];
    for (const flag of [...flags, 'strict-ports', 'help', 'version'])
      expect(helpText()).toContain(`--${flag}`);
  });
});
