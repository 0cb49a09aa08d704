/** STUN Binding over UDP (RFC 8489, sections 5, 14.1 and 14.2): tells a peer the address the node sees it at. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { addressBytes } from '../ops/addresses.ts';

const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;

/** Addresses of an IPv6 socket that serves IPv4 too come as `::ffff:192.168.1.7`. */
function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? address.replace(/%.*$/, '');
}

/** The answer to one datagram, or null when it is no Binding request. Pure. */
export function answerStun(message: Uint8Array, from: { address: string; port: number }): Buffer | null {
  const request = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (request.length < HEADER_BYTES || request.readUInt16BE(0) !== BINDING_REQUEST) return null;
  const length = request.readUInt16BE(2);
  if (
    request.readUInt32BE(4) !== MAGIC_COOKIE ||
    length % 4 !== 0 ||
    length !== request.length - HEADER_BYTES
  )
    return null;

  const address = addressBytes(plainAddress(from.address));
  const answer = Buffer.alloc(HEADER_BYTES + 8 + address.length);
  answer.writeUInt16BE(BINDING_SUCCESS, 0);
  answer.writeUInt16BE(8 + address.length, 2);
  request.copy(answer, 4, 4, HEADER_BYTES);
  answer.writeUInt16BE(XOR_MAPPED_ADDRESS, 20);
  answer.writeUInt16BE(4 + address.length, 22);
  answer.writeUInt8(address.length === 4 ? 1 : 2, 25);
  answer.writeUInt16BE(from.port ^ (MAGIC_COOKIE >>> 16), 26);
  // The address is XORed with the cookie and, beyond its four bytes, the transaction id: bytes 4 to 19 of the header.
  address.forEach((byte, at) => answer.writeUInt8(byte ^ answer.readUInt8(4 + at), 28 + at));
  return answer;
}

export interface StunServer {
  readonly port: number;
  close(): Promise<void>;
}

function bound(socket: Socket, port: number, address: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, ...(address === undefined ? {} : { address }) }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

async function open(port: number, bind: string | undefined): Promise<Socket> {
  const dualStack = createSocket({ type: bind !== undefined && isIPv4(bind) ? 'udp4' : 'udp6' });
  try {
    await bound(dualStack, port, bind);
    return dualStack;
  } catch (error) {
    dualStack.close();
    const noIPv6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (bind !== undefined || !noIPv6) throw error;
    const v4 = createSocket('udp4');
    try {
      await bound(v4, port, undefined);
    } catch (second) {
      v4.close();
      throw second;
    }
    return v4;
  }
}

/** Rejects when the port cannot be had (`EADDRINUSE`, …). Datagrams that are no Binding request are counted by `onBad`. */
export async function createStun(
  port: number,
  bind: string | undefined,
  onBad: () => void,
): Promise<StunServer> {
  const socket = await open(port, bind);
  socket.on('message', (message: Buffer, from: RemoteInfo) => {
    // Port 0 can be forged, and sending to it would throw.
    const answer = from.port === 0 ? null : answerStun(message, from);
    if (answer === null) return onBad();
    // An unreachable sender is its own business: without a callback the error would be thrown here.
    socket.send(answer, from.port, from.address, () => {});
  });
  socket.on('error', onBad);
  let closed = false;
  return {
    port: socket.address().port,
    close: () =>
      closed
        ? Promise.resolve()
        : new Promise((resolve) => {
            closed = true;
            socket.close(() => resolve());
          }),
  };
}
