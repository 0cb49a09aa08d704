/** Datagrams that no socket sends: their source port is 0, and whoever answers them at once falls. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode } from 'dns-packet';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { request } from './http.ts';
import { createLab, labProblem, type Lab } from './lab.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const STUN_PORT = 3478;
const QUERY = Buffer.from(encode({ type: 'query', questions: [{ name: 'earshot.local', type: 'A' }] }));
/** A STUN binding request (RFC 8489), section 5. */
const BINDING = Buffer.from('000100002112a442000102030405060708090a0b', 'hex');

/** Prints the bytes of an answer from an honest port; 0 when none comes within two seconds. */
const HONEST = `use Socket; socket(S, AF_INET, SOCK_DGRAM, 17) or die $!;
  send(S, pack("H*", $ARGV[2]), 0, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0]))) or die $!;
  $SIG{ALRM} = sub { print 0; exit }; alarm 2; recv(S, $answer, 2000, 0); print length $answer;`;
const FORGED = `use Socket; socket(S, AF_INET, SOCK_RAW, 17) or die $!; $data = pack("H*", $ARGV[2]);
  send(S, pack("nnnn", 0, $ARGV[1], 8 + length $data, 0) . $data, 0, pack_sockaddr_in(0, inet_aton($ARGV[0]))) or die $!;`;

describe.skipIf(problem !== null)('a datagram from port 0', () => {
  let lab: Lab;
  let node: RunningNode;

  beforeAll(async () => {
    lab = createLab(['node', 'stranger']);
    const host = lab.host('node');
    node = await startNode({
      spawn: (...args) => host.spawn(...args),
      bind: host.address,
      args: ['--no-speakers', '--stun-port', String(STUN_PORT)],
    });
  });
  afterAll(async () => {
    await node.close();
    await lab.close();
  });

  const send = async (script: string, port: number, data: Buffer): Promise<number> => {
    const { address } = lab.host('node');
    const args = ['-e', script, address, String(port), data.toString('hex')];
    return Number((await lab.host('stranger').output('perl', args)).toString());
  };

  test.each([
    ['mdns bad-packet', 5353, QUERY],
    ['stun bad-datagram', STUN_PORT, BINDING],
  ])('is counted as %s, and the node goes on', async (counted, port, data) => {
    expect(await send(HONEST, port, data)).toBeGreaterThan(0);
    await send(FORGED, port, data);
    const rejected = async (): Promise<Record<string, number>> => {
      const text = await request(lab.host('stranger'), `${node.httpOrigin}/stream/status`);
      return (JSON.parse(text) as { rejected: Record<string, number> }).rejected;
    };
    await expect.poll(async () => (await rejected())[counted] ?? 0).toBeGreaterThan(0);
    expect(await send(HONEST, port, data)).toBeGreaterThan(0);
  });
});
