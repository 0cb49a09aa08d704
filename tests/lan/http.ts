/** HTTP as a host of the lab sees it. The test itself is not on that LAN: curl and ffmpeg are, for it. */
import { decode, type Sound } from '../fixtures/listen.ts';
import type { LabHost } from './lab.ts';

/** The body of a 2xx answer; rejects otherwise, and after ten seconds. `insecure` goes on with an unknown CA. */
export async function request(
  host: LabHost,
  url: string,
  options: { headers?: Record<string, string>; body?: string; insecure?: boolean } = {},
): Promise<string> {
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ]);
  const body = options.body === undefined ? [] : ['--data-binary', '@-'];
  const flags = ['-sS', '--fail-with-body', '--max-time', '10', ...(options.insecure === true ? ['-k'] : [])];
  const answer = await host.output('curl', [...flags, ...headers, ...body, url], options.body);
  return answer.toString('utf8');
}

/** Hears a stream from this host for so many seconds of it. */
export async function recordOn(host: LabHost, url: string, seconds: number): Promise<Sound> {
  const args = ['-v', 'error', '-i', url, '-t', String(seconds), '-f', 'wav', '-c:a', 'pcm_f32le', 'pipe:1'];
  return decode(await host.output('ffmpeg', args));
}
