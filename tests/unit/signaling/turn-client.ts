/** A TURN client over UDP (RFC 8656) that says exactly what a test wants said. */
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  ATTRIBUTE,
  attribute,
  buildStun,
  type Endpoint,
  METHOD,
  parseStun,
  readXorAddress,
  type StunMessage,
  uint32,
  xorAddress,
} from '../../../signaling/rendezvous/stun-message.ts';

export interface TurnUser {
  username: string;
  credential: string;
}

type Attributes = readonly (readonly [number, Buffer])[];

export interface TurnAnswer {
  ok: boolean;
  /** 0 when it went well. */
  code: number;
  message: StunMessage;
}

export interface TurnClient {
  readonly socket: Socket;
  /** What came through the relay, as `from: text`. */
  readonly heard: string[];
  /** One request with the credentials, after the server's challenge. */
  request(
    method: number,
    attributes?: Attributes | ((transactionId: Buffer) => Attributes),
  ): Promise<TurnAnswer>;
  /** As it is: no credentials, or those that are in it. */
  exchange(bytes: Buffer): Promise<StunMessage>;
  send(bytes: Buffer): void;
  /** @returns the relayed address; throws when refused */
  allocate(): Promise<Endpoint>;
  permit(...peers: Endpoint[]): Promise<number>;
  bind(channel: number, peer: Endpoint): Promise<number>;
  sendTo(peer: Endpoint, text: string): void;
  sendOn(channel: number, text: string): void;
  close(): void;
}

export const UDP_TRANSPORT: Attributes = [[ATTRIBUTE.requestedTransport, Buffer.of(17, 0, 0, 0)]];

export function peerAttribute(peer: Endpoint, transactionId: Buffer): readonly [number, Buffer] {
  return [ATTRIBUTE.xorPeerAddress, xorAddress(peer, transactionId)];
}

export async function turnClient(server: Endpoint, user: TurnUser, from = '0.0.0.0'): Promise<TurnClient> {
  const socket = createSocket('udp4');
  socket.bind(0, from);
  await once(socket, 'listening');
  const heard: string[] = [];
  const waiting = new Map<string, (message: StunMessage) => void>();
  const channels = new Map<number, Endpoint>();
  let challenge: { realm: Buffer; nonce: Buffer } | null = null;

  socket.on('message', (datagram) => {
    if ((datagram[0] ?? 0) >> 6 === 1) {
      const peer = channels.get(datagram.readUInt16BE(0));
      heard.push(
        `${peer?.address} ${peer?.port}: ${datagram.subarray(4, 4 + datagram.readUInt16BE(2)).toString()}`,
      );
      return;
    }
    const message = parseStun(datagram);
    if (message === null) return;
    if (message.method === METHOD.data && message.class === 'indication') {
      const peer = readXorAddress(attribute(message, ATTRIBUTE.xorPeerAddress)!, message.transactionId);
      heard.push(`${peer?.address} ${peer?.port}: ${attribute(message, ATTRIBUTE.data)?.toString()}`);
      return;
    }
    waiting.get(message.transactionId.toString('hex'))?.(message);
  });

  /** Sent again every half second, as datagrams get lost (RFC 8489, section 6.2.1). */
  function exchange(bytes: Buffer): Promise<StunMessage> {
    return new Promise((resolve, reject) => {
      const id = bytes.subarray(8, 20).toString('hex');
      const send = (): void => socket.send(bytes, server.port, server.address);
      const again = setInterval(send, 500);
      const limit = setTimeout(() => {
        clearInterval(again);
        reject(new Error('no answer within 8 s'));
      }, 8_000);
      waiting.set(id, (message) => {
        clearInterval(again);
        clearTimeout(limit);
        waiting.delete(id);
        resolve(message);
      });
      send();
    });
  }

  async function attempt(method: number, make: (transactionId: Buffer) => Attributes): Promise<TurnAnswer> {
    const transactionId = randomBytes(12);
    let attributes = make(transactionId);
    let key: Buffer | null = null;
    if (challenge !== null) {
      const realm = challenge.realm.toString();
      key = createHash('md5').update(`${user.username}:${realm}:${user.credential}`).digest();
      attributes = [
        ...attributes,
        [ATTRIBUTE.username, Buffer.from(user.username)],
        [ATTRIBUTE.realm, challenge.realm],
        [ATTRIBUTE.nonce, challenge.nonce],
      ];
    }
    const message = await exchange(buildStun({ method, class: 'request', transactionId, attributes }, key));
    const error = attribute(message, ATTRIBUTE.errorCode);
    return {
      ok: message.class === 'success',
      code: error === undefined ? 0 : error[2]! * 100 + error[3]!,
      message,
    };
  }

  async function request(
    method: number,
    make: Attributes | ((transactionId: Buffer) => Attributes) = [],
  ): Promise<TurnAnswer> {
    const build = typeof make === 'function' ? make : () => make;
    const first = await attempt(method, build);
    const realm = attribute(first.message, ATTRIBUTE.realm);
    const nonce = attribute(first.message, ATTRIBUTE.nonce);
    if (![401, 438].includes(first.code) || realm === undefined || nonce === undefined || challenge !== null)
      return first;
    challenge = { realm, nonce };
    return attempt(method, build);
  }

  return {
    socket,
    heard,
    request,
    exchange,
    send: (bytes) => socket.send(bytes, server.port, server.address),
    async allocate() {
      const { code, message } = await request(METHOD.allocate, UDP_TRANSPORT);
      const relayed = attribute(message, ATTRIBUTE.xorRelayedAddress);
      if (relayed === undefined) throw new Error(`refused with ${code}`);
      return readXorAddress(relayed, message.transactionId)!;
    },
    permit: async (...peers) =>
      (await request(METHOD.createPermission, (id) => peers.map((peer) => peerAttribute(peer, id)))).code,
    async bind(channel, peer) {
      const number = uint32(channel * 65_536);
      const { ok, code } = await request(METHOD.channelBind, (id) => [
        [ATTRIBUTE.channelNumber, number],
        peerAttribute(peer, id),
      ]);
      if (ok) channels.set(channel, peer);
      return code;
    },
    sendTo(peer, text) {
      const transactionId = randomBytes(12);
      const attributes: Attributes = [
        peerAttribute(peer, transactionId),
        [ATTRIBUTE.data, Buffer.from(text)],
      ];
      const indication = { method: METHOD.send, class: 'indication' as const, transactionId, attributes };
      socket.send(buildStun(indication, null), server.port, server.address);
    },
    sendOn(channel, text) {
      const head = Buffer.alloc(4);
      head.writeUInt16BE(channel, 0);
      head.writeUInt16BE(Buffer.byteLength(text), 2);
      socket.send(Buffer.concat([head, Buffer.from(text)]), server.port, server.address);
    },
    close: () => socket.close(),
  };
}
