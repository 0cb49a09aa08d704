/**
 * How a device wants the answer to be framed. Loudspeakers differ in what they take for a stream that never ends
 * (FACTS.md, "Loudspeakers"; the three lengths are Music Assistant's HTTP profiles). Pure.
 */
import { MAX_BURST_MS } from './variants.ts';

/**
 * - `chunked`: HTTP/1.1 chunks, as most take it.
 * - `none`: no length at all, over when the connection closes (RFC 9112, section 6.3, item 8), as radios before HTTP/1.1 know it.
 * - `length`: a length that nobody reaches, for devices that refuse what has none.
 * - `ranges`: that length, and byte ranges: devices of the "Cast Lite" kind close the connection when their buffer is full
 *   and come back with `Range: bytes=N-` for more; anything but 206 ends their playback.
 */
export type HeaderProfile = 'chunked' | 'none' | 'length' | 'ranges';

/** Twelve hours at 320 kbit/s: it fits into the 31 bits that small devices count bytes with. Then they ask again. */
export const FORCED_BYTES = 1_728_000_000;

const PROFILES: readonly HeaderProfile[] = ['chunked', 'none', 'length', 'ranges'];

/** First match wins. */
const BY_USER_AGENT: readonly [RegExp, HeaderProfile][] = [[/\bCast Lite\b/i, 'ranges']];

/**
 * @param wished `?profile=`; what is none of the names counts as not given
 * @param userAgent empty when the device sends none
 */
export function profileOf(wished: string | null, userAgent: string): HeaderProfile {
  const named = PROFILES.find((profile) => profile === wished);
  return named ?? BY_USER_AGENT.find(([pattern]) => pattern.test(userAgent))?.[1] ?? 'chunked';
}

/** Both ends are included, as in the header. */
interface ByteRange {
  first: number;
  last: number;
}

/**
 * One byte range (RFC 9110, section 14.1.2).
 * @returns null when there is none, or one that a server may ignore: another unit, several at once, not to be read
 */
function rangeOf(header: string | undefined, bytes: number): ByteRange | 'unsatisfiable' | null {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === '' && to === '') return null;
  if (from === '') {
    const count = Math.min(Number(to), bytes);
    return count === 0 ? 'unsatisfiable' : { first: bytes - count, last: bytes - 1 };
  }
  const first = Number(from);
  const last = to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (to !== '' && Number(to) < first) return null;
  return first < bytes ? { first, last } : 'unsatisfiable';
}

export interface Framing {
  status: 200 | 206 | 416;
  headers: Readonly<Record<string, string>>;
  isChunked: boolean;
  /** Which byte of the stream the body begins with. */
  firstByte: number;
  /** The body has exactly so many bytes; infinite: it does not end. */
  limitBytes: number;
}

/**
 * What of the answer depends on the profile. A range begins with the sound of now whatever its first byte is: the stream
 * is fed at real time, so a device that comes back for more has played what it had.
 * @param options.range the request's header; only `ranges` regards it
 */
export function framingOf({
  profile,
  range,
}: {
  profile: HeaderProfile;
  range: string | undefined;
}): Framing {
  if (profile === 'chunked' || profile === 'none') {
    return {
      status: 200,
      headers: {},
      isChunked: profile === 'chunked',
      firstByte: 0,
      limitBytes: Number.POSITIVE_INFINITY,
    };
  }
  const accepted = profile === 'ranges' ? { 'Accept-Ranges': 'bytes' } : {};
  const part = profile === 'ranges' ? rangeOf(range, FORCED_BYTES) : null;
  if (part === 'unsatisfiable') {
    const headers = { ...accepted, 'Content-Range': `bytes */${FORCED_BYTES}` };
    return { status: 416, headers, isChunked: false, firstByte: 0, limitBytes: 0 };
  }
  const limitBytes = part === null ? FORCED_BYTES : part.last - part.first + 1;
  const length = { ...accepted, 'Content-Length': String(limitBytes) };
  if (part === null) return { status: 200, headers: length, isChunked: false, firstByte: 0, limitBytes };
  const headers = { ...length, 'Content-Range': `bytes ${part.first}-${part.last}/${FORCED_BYTES}` };
  return { status: 206, headers, isChunked: false, firstByte: part.first, limitBytes };
}

/** @returns `?burst=` in milliseconds within bounds, or null: not given, or no number */
export function burstOf(wished: string | null): number | null {
  if (wished === null || !/^\d{1,9}(\.\d{1,9})?$/.test(wished)) return null;
  return Math.min(Number(wished) * 1000, MAX_BURST_MS);
}
