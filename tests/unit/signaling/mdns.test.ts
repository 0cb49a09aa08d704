import { decode, encode, type Packet, type StringAnswer } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Announced,
  announcement,
  conflicts,
  hostName,
  probe,
  responseTo,
  serviceName,
} from '../../../signaling/join/mdns-records.ts';

const OURS: Announced = { hostNumber: 1, serviceNumber: 1, address: '192.168.1.20', httpsPort: 8443 };
/** As it comes over the wire. */
const sent = (packet: Packet): Packet => decode(encode(packet));
const ask = (name: string, type: string, more: Partial<Packet> = {}): Packet =>
  sent({ type: 'query', questions: [{ name, type: type as 'A' }], ...more });
const told = (query: Packet, isLegacy = false): string[] =>
  (responseTo(query, OURS, isLegacy)?.answers ?? []).map((answer) => `${answer.type} ${answer.name}`);

describe('what the node answers to multicast DNS', () => {
  it.each([
    ['earshot.local', 'A', ['A earshot.local']],
    ['EarShot.LOCAL', 'ANY', ['A earshot.local']],
    ['earshot.local', 'AAAA', ['NSEC earshot.local']],
    ['_https._tcp.local', 'PTR', ['PTR _https._tcp.local']],
    ['_services._dns-sd._udp.local', 'PTR', ['PTR _services._dns-sd._udp.local']],
    ['Earshot._https._tcp.local', 'SRV', ['SRV Earshot._https._tcp.local']],
    ['Earshot._https._tcp.local', 'ANY', ['SRV Earshot._https._tcp.local', 'TXT Earshot._https._tcp.local']],
    ['other.local', 'A', []],
    ['earshot.local', 'MX', []],
  ])('%s %s', (name, type, expected) => {
    expect(told(ask(name, type))).toEqual(expected);
  });

  it('gives whoever looks for the service all they need to get there', () => {
    const response = sent(responseTo(ask('_https._tcp.local', 'PTR'), OURS, false)!);
    expect(response.answers).toMatchObject([{ data: 'Earshot._https._tcp.local', ttl: 4500 }]);
    expect(response.additionals).toMatchObject([
      { type: 'SRV', data: { port: 8443, target: 'earshot.local' } },
      { type: 'TXT', data: [Buffer.from('path=/')] },
      { type: 'A', data: '192.168.1.20', flush: true },
    ]);
  });

  it('says nothing that the asker knows already, unless it is about to forget it', () => {
    const known = (ttl: number, data = OURS.address): Packet =>
      ask('earshot.local', 'A', { answers: [{ type: 'A', name: 'earshot.local', ttl, data }] });
    expect(told(known(100))).toEqual([]);
    expect(told(known(59))).toEqual(['A earshot.local']);
    expect(told(known(100, '10.0.0.1'))).toEqual(['A earshot.local']);
  });

  it('answers a plain resolver as one expects it', () => {
    const response = sent(responseTo(ask('earshot.local', 'A', { id: 77 }), OURS, true)!);
    expect(response).toMatchObject({ id: 77, questions: [{ name: 'earshot.local', type: 'A' }] });
    expect(response.answers).toMatchObject([{ ttl: 10, flush: false, data: '192.168.1.20' }]);
  });

  it('says goodbye with lifetimes of nothing', () => {
    const { answers } = sent(announcement(OURS, true));
    expect(answers?.length).toBe(4);
    for (const answer of answers ?? []) expect((answer as StringAnswer).ttl).toBe(0);
    const hello = sent(announcement(OURS, false)).answers ?? [];
    expect(hello.every((answer) => ((answer as StringAnswer).ttl ?? 0) > 0)).toBe(true);
  });

  it('sees who claims one of its names, and not itself', () => {
    expect(conflicts(sent(announcement(OURS, false)), OURS)).toEqual({ host: false, service: false });
    expect(conflicts(sent(probe(OURS)), OURS)).toEqual({ host: false, service: false });
    const other = { ...OURS, address: '192.168.1.99' };
    expect(conflicts(sent(announcement(other, false)), OURS)).toEqual({ host: true, service: false });
    expect(conflicts(sent(probe(other)), OURS)).toEqual({ host: true, service: false });
    const sameMachine = { ...OURS, httpsPort: 8444 };
    expect(conflicts(sent(announcement(sameMachine, false)), OURS)).toEqual({ host: false, service: true });
    const next = { ...OURS, hostNumber: 2, serviceNumber: 2 };
    expect([hostName(next), serviceName(next)]).toEqual(['earshot-2.local', 'Earshot (2)._https._tcp.local']);
    expect(conflicts(sent(announcement(other, false)), next)).toEqual({ host: false, service: false });
  });

  it('takes whatever decodes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let packet: Packet;
        try {
          packet = decode(Buffer.from(bytes));
        } catch {
          return;
        }
        responseTo(packet, OURS, false);
        conflicts(packet, OURS);
      }),
      { numRuns: 2_000 },
    );
  });
});
