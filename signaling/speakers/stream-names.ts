/** How loudspeakers are told the stream's address, and how it is known again when they tell what they play. */
import * as v from 'valibot';
import { urlHost } from '../ops/addresses.ts';
import { RoomId } from '../protocol/uplink.ts';

/** `/stream.mp3`, `/stream/<room>.mp3`, and their other bit rates and formats. */
const STREAM = /^\/stream(?:-\d+)?(?:\/([a-z2-7]{20})(?:-\d+)?)?\.(?:mp3|wav)$/;

/** How the node's streams are called, and by whom. */
export interface StreamNames {
  /** What stands before the paths of this node's plain HTTP, see `StreamOrder.url`. */
  base(seenFrom: string | null): string;
  /** See `StreamOrder.url`. */
  url(roomId: string, seenFrom: string | null): string;
  /** Whose stream of this node it is; null: none. */
  roomOf(url: string): string | null;
  /** It was this machine's address, and is no longer. */
  isGone(url: string): boolean;
}

export interface StreamNamesOptions {
  defaultRoomId: string;
  /** What speakers are told by default, without a trailing slash. */
  baseUrl(): string;
  /** The base is somebody else's, a proxy's: it is told as it is, to everybody. */
  isFixed: boolean;
  httpPort(): number;
  /** All names and addresses of this machine. */
  hosts(): readonly string[];
  /** Addresses that were this machine's since the node started, and are no longer. */
  formerHosts(): ReadonlySet<string>;
}

export function createStreamNames(options: StreamNamesOptions): StreamNames {
  const { defaultRoomId, baseUrl, isFixed, httpPort, hosts, formerHosts } = options;
  const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[|\]$/g, '');
  function base(seenFrom: string | null): string {
    const isOurs = seenFrom !== null && hosts().includes(seenFrom);
    return isFixed || !isOurs ? baseUrl() : `http://${urlHost(seenFrom)}:${httpPort()}`;
  }
  return {
    base,
    url: (roomId, seenFrom) =>
      `${base(seenFrom)}${roomId === defaultRoomId ? '/stream.mp3' : `/stream/${roomId}.mp3`}`,
    roomOf(url) {
      const base = baseUrl();
      if (!URL.canParse(url)) return null;
      const { host, port, pathname } = new URL(url);
      const isBase = new URL(base).host === host;
      const own = hostOf(url);
      const isOurs = hosts().includes(own) || formerHosts().has(own);
      if (!isBase && !(Number(port === '' ? 80 : port) === httpPort() && isOurs)) return null;
      const prefix = isBase ? new URL(base).pathname.replace(/\/$/, '') : '';
      const found = pathname.startsWith(prefix) ? STREAM.exec(pathname.slice(prefix.length)) : null;
      if (found === null) return null;
      const room = found[1] ?? defaultRoomId;
      return v.is(RoomId, room) ? room : null;
    },
    isGone: (url) => URL.canParse(url) && formerHosts().has(hostOf(url)),
  };
}
