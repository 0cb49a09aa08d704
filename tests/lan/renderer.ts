/**
 * A real DLNA renderer (gmediarender) on a host of the lab, and just enough of UPnP AV to tell it what to play. What it
 * decodes goes to a WAV file instead of a sound card: the proof is what would have come out of the loudspeaker.
 */
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
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
  /** 0…100 */
  volume(from: LabHost): Promise<number>;
  setVolume(from: LabHost, volume: number): Promise<void>;
  muted(from: LabHost): Promise<boolean>;
  setMuted(from: LabHost, muted: boolean): Promise<void>;
  /** The address that it was given last. */
  url(from: LabHost): Promise<string>;
  /** The last `lastMs` of what came out of it; 0 ms long before it played. */
  sound(lastMs: number): Sound;
  /** How much came out of it so far. */
  soundedMs(): number;
  close(): void;
}

const TRANSPORT = 'urn:schemas-upnp-org:service:AVTransport:1';
const RENDERING = 'urn:schemas-upnp-org:service:RenderingControl:1';

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function envelope(service: string, action: string, fields: Readonly<Record<string, string>>): string {
  const body = Object.entries({ InstanceID: '0', ...fields })
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join('');
  return (
    '<?xml version="1.0" encoding="utf-8"?>' +
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
    `<s:Body><u:${action} xmlns:u="${service}">${body}</u:${action}></s:Body></s:Envelope>`
  );
}

/** Room for the chunks before the samples. */
const HEADER_BYTES = 4_096;

/** RIFF/WAVE, which gmediarender's sink goes on writing; null while there are no samples yet. */
function headerOf(
  wav: string,
): { start: Buffer; bytes: number; bytesPerFrame: number; rateHz: number } | null {
  if (!existsSync(wav)) return null;
  const start = readFrom(wav, 0, HEADER_BYTES);
  const dataAt = start.indexOf('data') + 8;
  if (dataAt < 8) return null;
  const bytesPerFrame = start.readUInt16LE(32);
  return {
    start: start.subarray(0, dataAt),
    bytes: Math.max(0, statSync(wav).size - dataAt),
    bytesPerFrame,
    rateHz: start.readUInt32LE(24),
  };
}

function readFrom(path: string, position: number, bytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const into = Buffer.alloc(bytes);
    return into.subarray(0, readSync(file, into, 0, bytes, position));
  } finally {
    closeSync(file);
  }
}

/** Minutes of samples would be read five times a second otherwise, by the process that measures time. */
function endOfWav(wav: string, lastMs: number): Sound {
  const header = headerOf(wav);
  if (header === null) return fromWav(Buffer.alloc(0));
  const { start, bytes, bytesPerFrame, rateHz } = header;
  const wholeFrames = Math.floor(bytes / bytesPerFrame);
  const frames = Math.min(wholeFrames, Math.round((lastMs / 1_000) * rateHz));
  const from = start.length + (wholeFrames - frames) * bytesPerFrame;
  return fromWav(Buffer.concat([start, readFrom(wav, from, frames * bytesPerFrame)]));
}

/** Where the description of the renderer on that host is, found by SSDP from `from`. */
export async function discover(from: LabHost, host: LabHost): Promise<string> {
  const script = new URL('./ssdp.ts', import.meta.url).pathname;
  const found = await from.output(process.execPath, [
    ...['--import', 'tsx', script, from.address, '8000', host.address],
  ]);
  return found.toString('utf8').trim();
}

async function controlUrls(from: LabHost, host: LabHost): Promise<(service: string) => string> {
  const location = await discover(from, host);
  const description = await request(from, location);
  return (service) => {
    const part = description.split('<service>').find((one) => one.includes(service));
    const path = /<controlURL>([^<]+)<\/controlURL>/.exec(part ?? '')?.[1];
    if (path === undefined) throw new Error(`${location} describes no ${service}`);
    return new URL(path, location).href;
  };
}

/** Starts it and waits until its description can be found from `from`. */
export async function startRenderer(
  host: LabHost,
  from: LabHost,
  name = 'Lab renderer',
  uuid = 'GMediaRender-1_0-000-000-002',
): Promise<Renderer> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-renderer-'));
  const wav = join(folder, 'out.wav');
  const sink = `audioconvert ! audioresample ! wavenc ! filesink location=${wav} buffer-mode=unbuffered`;
  const child = host.spawn(
    'gmediarender',
    ['-I', 'eth0', '-f', name, '-u', uuid, `--gstout-audiopipe=${sink}`],
    { stdio: 'ignore', env: { ...process.env, HOME: folder } },
  );
  const ended = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`gmediarender ended with ${code}`)));
  });
  ended.catch(() => undefined);
  const control = await Promise.race([ended, controlUrls(from, host)]);

  const soap = (
    host: LabHost,
    action: string,
    fields: Readonly<Record<string, string>> = {},
    service = TRANSPORT,
  ): Promise<string> =>
    request(host, control(service), {
      headers: { 'Content-Type': 'text/xml; charset="utf-8"', SOAPAction: `"${service}#${action}"` },
      body: envelope(service, action, fields),
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
    async volume(from) {
      const answer = await soap(from, 'GetVolume', { Channel: 'Master' }, RENDERING);
      return Number(/<CurrentVolume>(\d+)</.exec(answer)?.[1]);
    },
    async setVolume(from, volume) {
      await soap(from, 'SetVolume', { Channel: 'Master', DesiredVolume: String(volume) }, RENDERING);
    },
    async setMuted(from, muted) {
      await soap(from, 'SetMute', { Channel: 'Master', DesiredMute: muted ? '1' : '0' }, RENDERING);
    },
    async muted(from) {
      return /<CurrentMute>(1|true)</i.test(await soap(from, 'GetMute', { Channel: 'Master' }, RENDERING));
    },
    async url(from) {
      const answer = await soap(from, 'GetMediaInfo');
      return /<CurrentURI>([^<]*)</.exec(answer)?.[1] ?? '';
    },
    sound: (lastMs) => endOfWav(wav, lastMs),
    soundedMs() {
      const header = headerOf(wav);
      return header === null ? 0 : Math.floor(header.bytes / header.bytesPerFrame) / (header.rateHz / 1_000);
    },
    close() {
      child.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
