/** A device that announces one service on one interface of its own, and answers questions for it (RFC 6762, RFC 6763). */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode, type Packet } from 'dns-packet';

export interface Announcement {
  service: string;
  instance: string;
  host: string;
  address: string;
  port: number;
  text: readonly string[];
}

/** Goodbye is for the caller: a pulled plug says none. */
export async function announce(
  link: string,
  { service, instance, host, address, port, text }: Announcement,
): Promise<{ goodbye(): void; close(): Promise<void> }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind(5353);
  await once(socket, 'listening');
  socket.addMembership('224.0.0.251', link);
  socket.setMulticastInterface(link);
  const name = `${instance}.${service}`;
  const records = (ttl: number): { answers: Answer[]; additionals: Answer[] } => ({
    answers: [{ type: 'PTR', name: service, ttl, data: name }],
    additionals: [
      { type: 'SRV', name, ttl, data: { port, target: host } },
      { type: 'TXT', name, ttl, data: text.map((pair) => Buffer.from(pair)) },
      { type: 'A', name: host, ttl, data: address },
    ],
  });
  const tell = (ttl: number): void =>
    socket.send(encode({ type: 'response', flags: 0x0400, ...records(ttl) }), 5353, '224.0.0.251');
  socket.on('message', (bytes) => {
    let query: Packet;
    try {
      query = decode(bytes);
    } catch {
      // The loopback is everybody's.
      return;
    }
    const { type, questions, answers } = query;
    const isAsked = questions?.some((question) => question.name === service && question.type === 'PTR');
    const isKnown = answers?.some((answer) => answer.type === 'PTR' && answer.data === name);
    if (type === 'query' && isAsked === true && isKnown !== true) tell(120);
  });
  tell(120);
  return {
    goodbye: () => tell(0),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
