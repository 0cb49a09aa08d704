/**
 * What an address tells of itself to an Echo: Amazon's devices take streams from public HTTPS on port 443 only (Alexa Skills Kit,
 * "AudioPlayer Interface"). The form refuses with these words what the node could do nothing with either.
 */

/** Browsers and Node read addresses alike (WHATWG URL), and it is no I/O; the language's own library does not have it. */
declare const URL: {
  new (address: string): { protocol: string; port: string; hostname: string };
  canParse(address: string): boolean;
};

export const NOT_PUBLIC =
  'The stream’s public address leads to your own network only. An Echo fetches the stream from the internet: give the address of a public proxy.';

/** As `URL` writes them; the ranges of `PRIVATE_RANGES` (signaling/ops/addresses.ts), which needs Node. */
const PRIVATE_V4 =
  /^(?:10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])|192\.0\.2|198\.51\.100|203\.0\.113|198\.1[89])\./;
const PRIVATE_V6 = /^\[(?:f[cd]|fe[89ab]|::1\])/;
const V4 = /^[\d.]+$/;
const LOCAL_NAME = /\.(local|lan|home|internal|localhost|home\.arpa)$/;

/** `/stream.mp3` and the room's, in all bit rates: what the node says of itself, and what people paste. */
const OUR_PATH = /\/stream(?:-\d+)?(?:\/[a-z2-7]{20}(?:-\d+)?)?\.(?:mp3|wav)$/;

/** The address without the stream's own path. */
export const withoutStreamPath = (address: string): string => address.replace(OUR_PATH, '');

/** What is wrong with it as it is written, in plain words with the remedy; null: nothing. */
export function writtenProblem(address: string): string | null {
  if (!URL.canParse(address)) return 'This is no address. It looks like https://radio.example.org.';
  const { protocol, port, hostname } = new URL(address);
  if (protocol !== 'https:') return 'An Echo takes HTTPS only: the address has to begin with https://.';
  if (port !== '') return 'An Echo takes port 443 only: leave the port out of the address.';
  if (hostname.startsWith('[')) return PRIVATE_V6.test(hostname) ? NOT_PUBLIC : null;
  if (V4.test(hostname)) return PRIVATE_V4.test(hostname) ? NOT_PUBLIC : null;
  return !hostname.includes('.') || LOCAL_NAME.test(hostname) ? NOT_PUBLIC : null;
}
