/**
 * A real DLNA renderer (gmediarender) on a host of the lab, and just enough of UPnP AV to tell it what to play. What it
 * decodes goes to a WAV file instead of a sound card: the proof is what would have come out of the loudspeaker.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromWav, type Sound } from '../fixtures/listen.ts';
import { until } from '../fixtures/until.ts';
import { request } from './http.ts';
import type { LabHost } from './lab.ts';

export interface Renderer {
  /** UPnP AVTransport:1, `GetTransportInfo`: PLAYING, STOPPED, TRANSITIONING, … as seen from `from`. */
  state(from: LabHost): Promise<string>;
  /** `SetAVTransportURI` and `Play`, sent from another host as a controller would. */
  play(from: LabHost, url: string): Promise<void>;
  stop(from: LabHost): Promise<void>;
  /** What came out of it so far; the last `lastMs` of it. 0 ms long before it played. */
  sound(lastMs?: number): Sound;
  close(): void;
}

const SERVICE = 'urn:schemas-upnp-org:service:AVTransport:1';

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function envelope(action: string, fields: Readonly<Record<string, string>>): string {
  const body = Object.entries({ InstanceID: '0', ...fields })
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join('');
  return (
    '<?xml version="1.0" encoding="utf-8"?>' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body><u:${action} xmlns:u="${SERVICE}">${body}</u:${action}></s:Body></s:Envelope>`
  );
}

/** Where the renderer's description is, found by SSDP from `from`. */
export async function discover(from: LabHost): Promise<string> {
  const script = new URL('./ssdp.ts', import.meta.url).pathname;
  const found = await from.output(process.execPath, ['--import', 'tsx', script, from.address]);
  return found.toString('utf8').trim();
}

async function controlUrl(from: LabHost): Promise<string> {
  const location = await discover(from);
  const description = await request(from, location);
  const service = description.split('<service>').find((part) => part.includes(SERVICE));
  const path = /<controlURL>([^<]+)<\/controlURL>/.exec(service ?? '')?.[1];
  if (path === undefined) throw new Error(`${location} describes no AVTransport`);
  return new URL(path, location).href;
}

/** Starts it and waits until its description can be found from `from`. */
export async function startRenderer(host: LabHost, from: LabHost): Promise<Renderer> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-renderer-'));
  const wav = join(folder, 'out.wav');
  const sink = `audioconvert ! audioresample ! wavenc ! filesink location=${wav} buffer-mode=unbuffered`;
  const child = host.spawn(
    'gmediarender',
    ['-I', 'eth0', '-f', 'Lab renderer', `--gstout-audiopipe=${sink}`],
    { stdio: 'ignore', env: { ...process.env, HOME: folder } },
  );
  const ended = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`gmediarender ended with ${code}`)));
  });
  ended.catch(() => undefined);
  const control = await Promise.race([ended, controlUrl(from)]);

  const soap = (
    host: LabHost,
    action: string,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<string> =>
    request(host, control, {
      headers: { 'Content-Type': 'text/xml; charset="utf-8"', SOAPAction: `"${SERVICE}#${action}"` },
      body: envelope(action, fields),
    });
  const state = async (from: LabHost): Promise<string> => {
    const answer = await soap(from, 'GetTransportInfo');
    return /<CurrentTransportState>(\w+)</.exec(answer)?.[1] ?? 'unknown';
  };

  return {
    state,
    async play(from, url) {
      await soap(from, 'SetAVTransportURI', { CurrentURI: url, CurrentURIMetaData: '' });
      await soap(from, 'Play', { Speed: '1' });
      await until('the renderer to play', async () => (await state(from)) === 'PLAYING');
    },
    async stop(from) {
      await soap(from, 'Stop');
    },
    sound(lastMs) {
      const whole = existsSync(wav) ? fromWav(readFileSync(wav)) : fromWav(Buffer.alloc(0));
      if (lastMs === undefined) return whole;
      const frames = Math.round((lastMs / 1000) * whole.rateHz);
      const channels = whole.channels.map((channel) =>
        channel.subarray(Math.max(0, channel.length - frames)),
      );
      return { ...whole, channels, durationMs: Math.min(lastMs, whole.durationMs) };
    },
    close() {
      child.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
