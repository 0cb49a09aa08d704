/** UDP sockets as STUN and TURN need them. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';

/** Addresses of an IPv6 socket that serves IPv4 too come as `::ffff:192.168.1.7`. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped ?? address.replace(/%.*$/, '');
}

/** @returns a socket that is bound; rejects with the system's error */
export async function boundSocket(
  type: { type: 'udp4' | 'udp6'; ipv6Only?: boolean },
  port: number,
  address: string | undefined,
): Promise<Socket> {
  const socket = createSocket(type);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port, ...(address === undefined ? {} : { address }) }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Both families where there is no bind address and the machine has IPv6. */
export async function openPort(port: number, bind: string | undefined): Promise<Socket> {
  try {
    return await boundSocket({ type: bind !== undefined && isIPv4(bind) ? 'udp4' : 'udp6' }, port, bind);
  } catch (error) {
    const noIPv6 = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '');
    if (bind !== undefined || !noIPv6) throw error;
    return boundSocket({ type: 'udp4' }, port, undefined);
  }
}

export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()));
}
