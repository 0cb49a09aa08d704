/** Ports that are taken: the next free one, or an error. */
import type { AddressInfo, Server } from 'node:net';
import { ConfigError } from './config.ts';

const MAX_MOVES = 50;

export interface PortWish {
  /** For messages, e.g. `the app`. */
  what: string;
  port: number;
  bind: string | undefined;
  strict: boolean;
  /** One line for whoever started the node. */
  notice: (text: string) => void;
}

/**
 * Calls `open` with the wished port and those after it until one is free.
 * @throws ConfigError when none is, or when the port cannot be had for another reason
 */
export async function onFreePort<T>(wish: PortWish, open: (port: number) => Promise<T>): Promise<T> {
  for (let port = wish.port; ; port++) {
    try {
      const opened = await open(port);
      if (port !== wish.port) wish.notice(`Port ${wish.port} is taken: ${wish.what} is on ${port} instead.`);
      return opened;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      const taken = code === 'EADDRINUSE';
      if (taken && wish.strict) throw new ConfigError(`port ${port} for ${wish.what} is taken`);
      if (taken && port < Math.min(wish.port + MAX_MOVES, 65_535)) continue;
      if (taken) throw new ConfigError(`no free port for ${wish.what} from ${wish.port} to ${port}`);
      const where = wish.bind === undefined ? `port ${port}` : `${wish.bind}, port ${port},`;
      throw new ConfigError(`${where} cannot be opened for ${wish.what} (${code})`);
    }
  }
}

/** Resolves with the port; rejects with the system's error. */
export function listen(server: Server, port: number, bind: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(bind === undefined ? {} : { host: bind }) }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
