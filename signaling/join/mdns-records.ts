/** What the node says about itself in multicast DNS (RFC 6762) and DNS-SD (RFC 6763), and to which question. Pure. */
import type { Answer, Packet, Question } from 'dns-packet';

/** Section 10: names and addresses may change with the network, the others with the software. */
const ADDRESS_TTL_SECONDS = 120;
const SERVICE_TTL_SECONDS = 4_500;
const SERVICE = '_https._tcp.local';
const SERVICES = '_services._dns-sd._udp.local';

/** A type of questions (RFC 1035, section 3.2.3), which the codec knows and its types leave out. */
const ANY = 'ANY' as Question['type'];

export interface Announced {
  /** Counted up when somebody else has the name: `earshot.local`, `earshot-2.local`, … */
  hostNumber: number;
  serviceNumber: number;
  /** IPv4. */
  address: string;
  httpsPort: number;
}

export const hostName = ({ hostNumber }: Pick<Announced, 'hostNumber'>): string =>
  hostNumber === 1 ? 'earshot.local' : `earshot-${hostNumber}.local`;

export const serviceName = ({ serviceNumber }: Pick<Announced, 'serviceNumber'>): string =>
  `${serviceNumber === 1 ? 'Earshot' : `Earshot (${serviceNumber})`}.${SERVICE}`;

/** Names compare without regard to case (section 16). */
export const isSameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

interface Records {
  address: Answer;
  /** Says that there is no other kind of address (section 6.1), so that nobody waits for one. */
  noOther: Answer;
  server: Answer;
  text: Answer;
  service: Answer;
  kind: Answer;
}

function records(announced: Announced): Records {
  const host = hostName(announced);
  const name = serviceName(announced);
  return {
    address: { type: 'A', name: host, ttl: ADDRESS_TTL_SECONDS, flush: true, data: announced.address },
    noOther: {
      type: 'NSEC',
      name: host,
      ttl: ADDRESS_TTL_SECONDS,
      flush: true,
      data: { nextDomain: host, rrtypes: ['A'] },
    },
    server: {
      type: 'SRV',
      name,
      ttl: ADDRESS_TTL_SECONDS,
      flush: true,
      data: { priority: 0, weight: 0, port: announced.httpsPort, target: host },
    },
    text: { type: 'TXT', name, ttl: SERVICE_TTL_SECONDS, flush: true, data: ['path=/'] },
    service: { type: 'PTR', name: SERVICE, ttl: SERVICE_TTL_SECONDS, data: name },
    kind: { type: 'PTR', name: SERVICES, ttl: SERVICE_TTL_SECONDS, data: SERVICE },
  };
}

/** Everything, unasked: when the node comes, and with a lifetime of 0 when it goes (sections 8.3 and 10.1). */
export function announcement(announced: Announced, isGoodbye: boolean): Packet {
  const { address, noOther, server, text, service, kind } = records(announced);
  const all = isGoodbye ? [address, server, text, service] : [address, noOther, server, text, service, kind];
  return {
    type: 'response',
    flags: 0x0400,
    answers: isGoodbye ? all.map((answer) => ({ ...answer, ttl: 0 }) as Answer) : all,
  };
}

/** "Is this name free? I would be these" (section 8.1). */
export function probe(announced: Announced): Packet {
  const { address, server } = records(announced);
  return {
    type: 'query',
    questions: [hostName(announced), serviceName(announced)].map((name) => ({ name, type: ANY })),
    authorities: [address, server].map((answer) => ({ ...answer, flush: false }) as Answer),
  };
}

function answersTo(question: Question, known: Records): Answer[] {
  const { type } = question;
  const asks = (wanted: Question['type']): boolean => type === ANY || type === wanted;
  if (isSameName(question.name, known.address.name)) {
    if (asks('A')) return [known.address];
    return type === 'AAAA' ? [known.noOther] : [];
  }
  if (isSameName(question.name, known.server.name)) {
    return [...(asks('SRV') ? [known.server] : []), ...(asks('TXT') ? [known.text] : [])];
  }
  if (isSameName(question.name, SERVICE) && asks('PTR')) return [known.service];
  return isSameName(question.name, SERVICES) && asks('PTR') ? [known.kind] : [];
}

const isKnown = (answer: Answer, listed: readonly Answer[]): boolean =>
  listed.some(
    (other) =>
      other.type === answer.type &&
      isSameName(other.name, answer.name) &&
      'ttl' in other &&
      'ttl' in answer &&
      (other.ttl ?? 0) * 2 >= (answer.ttl ?? 0) &&
      JSON.stringify('data' in other ? other.data : null) ===
        JSON.stringify('data' in answer ? answer.data : null),
  );

/**
 * Null: nothing to say. What the asker listed as known is left out (section 7.1). `isLegacy`: it came from another port
 * than 5353, from a plain resolver, which gets its question back, short lifetimes and no cache-flush bits (section 6.7).
 */
export function responseTo(query: Packet, announced: Announced, isLegacy: boolean): Packet | null {
  const known = records(announced);
  const questions = query.questions ?? [];
  const answers = new Set(questions.flatMap((question) => answersTo(question, known)));
  for (const answer of answers) if (isKnown(answer, query.answers ?? [])) answers.delete(answer);
  if (answers.size === 0) return null;
  // What the asker would ask next (RFC 6763, section 12).
  const more = new Set<Answer>();
  if (answers.has(known.service))
    for (const next of [known.server, known.text, known.address]) more.add(next);
  if (answers.has(known.server)) more.add(known.address);
  const additionals = [...more].filter((answer) => !answers.has(answer));
  if (!isLegacy) return { type: 'response', flags: 0x0400, answers: [...answers], additionals };
  const plain = (list: Iterable<Answer>): Answer[] =>
    [...list].map((answer) => ({ ...answer, ttl: 10, flush: false }) as Answer);
  return {
    type: 'response',
    flags: 0x0400,
    ...(query.id === undefined ? {} : { id: query.id }),
    questions,
    answers: plain(answers),
    additionals: plain(additionals),
  };
}

/** Which of our names somebody else claims with other data: in a response, or by probing for it too (section 8.2). */
export function conflicts(packet: Packet, announced: Announced): { host: boolean; service: boolean } {
  const claims = [...(packet.type === 'response' ? (packet.answers ?? []) : (packet.authorities ?? []))];
  const host = claims.some(
    (claim) =>
      claim.type === 'A' && isSameName(claim.name, hostName(announced)) && claim.data !== announced.address,
  );
  const service = claims.some(
    (claim) =>
      claim.type === 'SRV' &&
      isSameName(claim.name, serviceName(announced)) &&
      (claim.data.port !== announced.httpsPort || !isSameName(claim.data.target, hostName(announced))),
  );
  return { host, service };
}
