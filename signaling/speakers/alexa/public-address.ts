/**
 * Whether an Echo could play from an address: Amazon's devices take streams from public HTTPS on port 443 only (Alexa Skills Kit,
 * "AudioPlayer Interface"). What the address itself tells is judged purely; whether it answers is tried.
 */
import { isIP } from 'node:net';
import { isPrivateAddress } from '../../ops/addresses.ts';

export interface Outside {
  /** All addresses of a name; rejects, or none, when it has none. */
  resolve(hostname: string): Promise<readonly string[]>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const TRY_MS = 5_000;
const NOT_PUBLIC =
  'This address leads to your own network only. An Echo fetches the stream from the internet: give the address of a public proxy.';

/** What is wrong with it as it is written, in plain words with the remedy; null: nothing. */
export function writtenProblem(address: string): string | null {
  if (!URL.canParse(address)) return 'This is no address. It looks like https://music.example.com.';
  const { protocol, port, hostname } = new URL(address);
  if (protocol !== 'https:') return 'An Echo takes HTTPS only: the address has to begin with https://.';
  if (port !== '') return 'An Echo takes port 443 only: leave the port out of the address.';
  const host = hostname.replace(/^\[|\]$/g, '');
  const isLocalName =
    isIP(host) === 0 &&
    (!host.includes('.') || /\.(local|lan|home|internal|localhost|home\.arpa)$/.test(host));
  return isLocalName || (isIP(host) !== 0 && isPrivateAddress(host)) ? NOT_PUBLIC : null;
}

/** What is wrong with where its name leads; null: nothing. */
export function resolvedProblem(addresses: readonly string[]): string | null {
  if (addresses.length === 0)
    return 'The internet does not know this name. Is it spelt right, and its DNS entry made?';
  return addresses.every((address) => isPrivateAddress(address)) ? NOT_PUBLIC : null;
}

/** @param address of the stream, without its path. Why an Echo could not play it, in plain words; null: it could */
export async function publicStreamProblem(
  address: string,
  { resolve, fetch }: Outside,
): Promise<string | null> {
  const written = writtenProblem(address);
  if (written !== null) return written;
  const host = new URL(address).hostname.replace(/^\[|\]$/g, '');
  const resolved = resolvedProblem(isIP(host) === 0 ? await resolve(host).catch(() => []) : [host]);
  if (resolved !== null) return resolved;
  let response: Response;
  try {
    const signal = AbortSignal.timeout(TRY_MS);
    response = await fetch(`${address}/stream.mp3`, { method: 'HEAD', redirect: 'manual', signal });
  } catch {
    return 'Nobody answers there with a certificate that the world trusts. Look at the proxy and its certificate.';
  }
  const isSound = response.headers.get('content-type')?.startsWith('audio/mpeg') === true;
  if (response.status === 200 && isSound) return null;
  return `Something else answers there (${response.status}). The proxy has to pass /stream.mp3 on to Earshot's port 8097.`;
}
