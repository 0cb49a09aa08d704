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
  /** Where the internet finds the same paths, without a trailing slash; null: nowhere. */
  publicUrl(): string | null;
}

/** The path that an address has below this base; null: it is elsewhere. */
function pathBelow(base: string | null, { host, pathname }: URL): string | null {
  if (base === null || !URL.canParse(base)) return null;
  const { host: baseHost, pathname: basePath } = new URL(base);
  const prefix = basePath.replace(/\/$/, '');
  return host === baseHost && pathname.startsWith(prefix) ? pathname.slice(prefix.length) : null;
}

export function createStreamNames(options: StreamNamesOptions): StreamNames {
  const { defaultRoomId, baseUrl, isFixed, httpPort, hosts, formerHosts, publicUrl } = options;
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
      if (!URL.canParse(url)) return null;
      const parsed = new URL(url);
      const { port, pathname } = parsed;
      const own = hostOf(url);
      const isOurs = hosts().includes(own) || formerHosts().has(own);
      const isHere = isOurs && Number(port === '' ? 80 : port) === httpPort();
      // Whatever it is told by: an Echo tells the public address.
      const path =
        pathBelow(baseUrl(), parsed) ?? pathBelow(publicUrl(), parsed) ?? (isHere ? pathname : null);
      const found = path === null ? null : STREAM.exec(path);
      if (found === null) return null;
      const room = found[1] ?? defaultRoomId;
      return v.is(RoomId, room) ? room : null;
    },
    isGone: (url) => URL.canParse(url) && formerHosts().has(hostOf(url)),
  };
}
