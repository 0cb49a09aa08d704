/** Whether an Echo could play from an address: what it tells of itself, where its name leads, and whether the stream answers there. */
import { isIP } from 'node:net';
import { isPrivateAddress } from '../../ops/addresses.ts';
import { NOT_PUBLIC, writtenProblem } from '../../protocol/public-address.ts';

export interface Outside {
  /** All addresses of a name; rejects, or none, when it has none. */
  resolve(hostname: string): Promise<readonly string[]>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

const TRY_MS = 5_000;

/** What is wrong with where its name leads; null: nothing. */
export function resolvedProblem(addresses: readonly string[]): string | null {
  if (addresses.length === 0)
    return 'The internet does not know the name in the stream’s public address. Is it spelt right, and its DNS entry made?';
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
    return 'Nobody answers at the stream’s public address with a certificate that the world trusts. Look at the proxy and its certificate.';
  }
  const isSound = response.headers.get('content-type')?.startsWith('audio/mpeg') === true;
  if (response.status === 200 && isSound) return null;
  return `Something else answers at the stream’s public address (${response.status}). The proxy has to pass /stream.mp3 on to Earshot's port 8097.`;
}
