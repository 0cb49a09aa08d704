/** What the node does on a LAN that is one: addresses of its own, multicast, and other machines. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_INFO_PATH, NodeInfo } from '../../../signaling/protocol/node-info.ts';
import { TurnGrant } from '../../../signaling/protocol/turn.ts';
import * as v from 'valibot';
import { launchOn } from '../../lan/browser.ts';
import { request } from '../../lan/http.ts';
import { createLab, type Lab, labProblem } from '../../lan/lab.ts';
import { keysOf, temporaryFolder, until } from './support.ts';

const MAIN = new URL('../../../signaling/main.ts', import.meta.url).pathname;
const PROBE = new URL('./turn-probe.ts', import.meta.url).pathname;
const TSX = ['--import', 'tsx'];
const ECHO = `
  const socket = require('node:dgram').createSocket('udp4');
  socket.on('message', (data, from) => socket.send('echo of ' + data, from.port, from.address));
  socket.bind(Number(process.argv[1]), () => console.log('ready'));`;

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

describe.skipIf(problem !== null)('on a LAN', () => {
  const folder = temporaryFolder();
  let lab: Lab;
  let output = '';
  let info: NodeInfo;
  let grant: TurnGrant;

  beforeAll(async () => {
    lab = createLab(['node', 'phone', 'laptop']);
    const node = lab
      .host('node')
      .spawn(
        process.execPath,
        [...TSX, MAIN, '--port', '8443', '--http-port', '8097', '--stun-port', '3478', '--data', folder.path],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
    node.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    await until(() => output.includes('Ctrl+C') || undefined, 30_000);
    const phone = lab.host('phone');
    const origin = `http://${lab.host('node').address}:8097`;
    info = v.parse(NodeInfo, JSON.parse(await request(phone, `${origin}${NODE_INFO_PATH}`)));
    const { secret } = JSON.parse(readFileSync(join(folder.path, 'room.json'), 'utf8')) as { secret: string };
    const { roomId, uplinkKey } = await keysOf(secret);
    const body = JSON.stringify({ roomId, uplinkKey });
    grant = v.parse(
      TurnGrant,
      JSON.parse(await request(phone, `${info.appUrl}turn`, { body, insecure: true })),
    );
    const echo = lab
      .host('laptop')
      .spawn(process.execPath, ['-e', ECHO, '40000'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => echo.stdout?.once('data', resolve));
  }, 60_000);
  afterAll(async () => {
    await lab.close();
    folder.remove();
  });

  it('the relay reaches a device of this LAN, and neither the internet nor this machine nor everybody', async () => {
    const { address } = lab.host('node');
    const laptop = lab.host('laptop').address;
    const peer = (text: string): { address: string; port: number } => {
      const [host = '', port] = text.split(':');
      return { address: host, port: Number(port) };
    };
    const refused = [
      ...[
        '8.8.8.8:40000',
        '127.0.0.1:8443',
        '169.254.1.1:40000',
        '224.0.0.251:5353',
        '255.255.255.255:40000',
      ],
      ...['10.77.0.255:40000', '192.168.1.1:40000', `${laptop}:53`],
      ...[8443, 8097, 3478, 40_000].map((port) => `${address}:${port}`),
    ];
    const task = {
      server: { address, port: info.turnPort },
      user: { username: grant.username, credential: grant.credential },
      peers: [`${laptop}:40000`, ...refused].map(peer),
    };
    const phone = lab.host('phone');
    const { relayed, results } = JSON.parse(
      (await phone.output(process.execPath, [...TSX, PROBE, JSON.stringify(task)])).toString(),
    ) as { relayed: { address: string }; results: Record<string, string> };
    expect(relayed.address).toBe(address);
    expect(results).toEqual({
      [`${laptop}:40000`]: `${laptop} 40000: echo of hello`,
      ...Object.fromEntries(refused.map((name) => [name, '403'])),
    });
  }, 60_000);

  const SELF = `
    const [, name, type] = process.argv, { decode, encode } = require('dns-packet');
    const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true });
    socket.on('message', (bytes) => {
      const packet = decode(bytes);
      const found = packet.type === 'response' && (packet.answers ?? []).find((a) => a.name === name && a.type === type);
      if (found) { console.log(JSON.stringify({ data: found.data, more: packet.additionals })); process.exit(0); }
    });
    socket.bind(Number(process.argv[3]), () => {
      socket.addMembership('224.0.0.251');
      socket.send(encode({ type: 'query', questions: [{ name, type }] }), 5353, '224.0.0.251');
    });
    setTimeout(() => { console.log('null'); process.exit(0); }, 3000);`;
  const resolve = async (name: string, type: string, port = '5353'): Promise<unknown> =>
    JSON.parse((await lab.host('phone').output(process.execPath, ['-e', SELF, name, type, port])).toString());

  it('earshot.local is found by multicast, by phones and by plain resolvers, and the app behind it', async () => {
    const { address } = lab.host('node');
    expect(await resolve('earshot.local', 'A')).toMatchObject({ data: address });
    expect(await resolve('earshot.local', 'A', '0')).toMatchObject({ data: address });
    expect(await resolve('_https._tcp.local', 'PTR')).toMatchObject({
      data: 'Earshot._https._tcp.local',
      more: [
        { data: { port: 8443, target: 'earshot.local' } },
        { type: 'TXT' },
        { type: 'A', data: address },
      ],
    });
    expect(info.otherUrls).toEqual(['http://earshot.local:8097/']);
    expect(output).toContain(`or      http://earshot.local:8097/#`);
  });

  it('a second node on the LAN takes the next name, and its certificate speaks for it', async () => {
    const other = temporaryFolder();
    const laptop = lab.host('laptop');
    let text = '';
    const second = laptop.spawn(process.execPath, [...TSX, MAIN, '--data', other.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    second.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part));
    await until(() => text.includes('Ctrl+C') || undefined, 30_000);
    expect(text).toContain('or      http://earshot-2.local:8097/#');
    expect(await resolve('earshot.local', 'A')).toMatchObject({ data: lab.host('node').address });
    expect(await resolve('earshot-2.local', 'A')).toMatchObject({ data: laptop.address });
    expect(await resolve('Earshot (2)._https._tcp.local', 'SRV')).toMatchObject({
      data: { target: 'earshot-2.local' },
    });
    const tls = await lab
      .host('phone')
      .output('openssl', [
        ...['s_client', '-connect', `${laptop.address}:8443`, '-servername', 'earshot-2.local'],
        ...['-CAfile', join(other.path, 'ca.crt'), '-verify_hostname', 'earshot-2.local'],
      ]);
    expect(tls.toString()).toContain('Verify return code: 0 (ok)');
    const gone = new Promise((done) => second.once('exit', done));
    second.kill('SIGTERM');
    await gone;
    expect(await resolve('earshot-2.local', 'A')).toBeNull();
    other.remove();
  }, 60_000);

  it('two browsers that may use nothing but the relay meet through it', async () => {
    const browser = await launchOn(lab.host('phone'));
    try {
      const page = await browser.newPage();
      await page.goto(`${info.joinUrl}health`);
      const result = await page.evaluate(
        async (iceServer) => {
          const config: RTCConfiguration = { iceServers: [iceServer], iceTransportPolicy: 'relay' };
          const [a, b] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
          a.onicecandidate = ({ candidate }) => candidate && void b.addIceCandidate(candidate);
          b.onicecandidate = ({ candidate }) => candidate && void a.addIceCandidate(candidate);
          const channel = a.createDataChannel('x');
          const heard = new Promise<string>((resolve) => {
            b.ondatachannel = (event) => (event.channel.onmessage = ({ data }) => resolve(data as string));
          });
          await a.setLocalDescription();
          await b.setRemoteDescription(a.localDescription!);
          await b.setLocalDescription();
          await a.setRemoteDescription(b.localDescription!);
          await new Promise((resolve) => (channel.onopen = resolve));
          channel.send('hello '.repeat(10_000));
          const text = await heard;
          const stats = [...(await a.getStats()).values()] as { type: string; candidateType?: string }[];
          return {
            bytes: text.length,
            types: stats.filter(({ type }) => type === 'local-candidate').map((s) => s.candidateType),
          };
        },
        { urls: grant.urls, username: grant.username, credential: grant.credential },
      );
      expect(result.bytes).toBe(60_000);
      expect(new Set(result.types)).toEqual(new Set(['relay']));
    } finally {
      await browser.close();
    }
  }, 60_000);
});
