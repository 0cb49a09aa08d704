/**
 * Alexa through music-assistant-alexa, the one driver that needs the internet: the skill is handed the stream's public address
 * (`POST /ma/push-url`), and an Echo fetches that when it is asked to open the skill. The skill tells which address it has
 * (`GET /ma/latest-url`) and nothing of the Echos: "playing" means that it has the room's, and an Echo that plays already is stopped
 * by voice alone.
 */
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import * as v from 'valibot';
import type { Credentials } from '../../protocol/credentials.ts';
import type { Settings } from '../credentials.ts';
import { type DriverOptions, type DriverSpeaker, SpeakerError, type SpeakerDriver } from '../port.ts';
import { SHUTTING_DOWN, withinDeed } from '../within.ts';
import { type Outside, publicStreamProblem } from './public-address.ts';

const LOOK_MS = 8_000;
const LOOK_SOON_MS = 2_000;
/** Somebody is mending the proxy. */
const CHECK_AGAIN_MS = 60_000;
const ANSWER_MS = 4_000;
const MAX_ANSWER_BYTES = 65_536;
/** So that one look that was lost does not take it from the list. */
const GONE_AFTER = 2;
/** Pushed in place of a stream, as the skill takes no empty address: an Echo that asks now gets nothing. */
const NOTHING = '/stream/nothing.mp3';
const STOP_BY_VOICE = 'An Echo that still plays is stopped by voice: “Alexa, stop”.';
const WORDS = {
  away: 'The Alexa skill does not answer. See that music-assistant-alexa runs at this address.',
  refused: 'The Alexa skill refused the name and password.',
};

const Latest = v.object({
  streamUrl: v.pipe(v.string(), v.maxLength(2_048)),
  title: v.nullish(v.string()),
});

export interface AlexaOptions extends DriverOptions {
  /** The world outside; tests bring their own. */
  outside?: Outside;
}

const THE_INTERNET: Outside = {
  resolve: async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address),
  fetch: (url, init) => fetch(url, init),
};

async function bounded(response: Response): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += (part as Uint8Array).length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('too large');
    parts.push(part as Uint8Array);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return null;
  }
}

export function createAlexaDriver(
  { onChange, now, log, counters, outside = THE_INTERNET }: AlexaOptions,
  settings: Settings<Credentials['alexa']>,
): SpeakerDriver {
  let speaker: DriverSpeaker | null = null;
  let misses = 0;
  let timer: NodeJS.Timeout | null = null;
  /** Grows when the settings change: what was asked before is dropped. */
  let attempt = 0;
  /** What is wrong with the skill, and with the stream's address: each is mended elsewhere. */
  let trouble: string | null = null;
  let checked: { streamUrl: string; problem: string | null; atMs: number } | null = null;
  let checking: string | null = null;
  let closed = false;

  const idOf = ({ url }: Credentials['alexa']): string =>
    `alexa:${createHash('sha256').update(url).digest('hex').slice(0, 16)}`;

  function show(next: DriverSpeaker | null): void {
    if (closed || JSON.stringify(next) === JSON.stringify(speaker)) return;
    speaker = next;
    onChange();
  }

  function ask(
    { url, user, password }: Credentials['alexa'],
    path: string,
    body?: unknown,
  ): Promise<Response> {
    const basic = Buffer.from(`${user}:${password}`, 'utf8').toString('base64');
    return outside.fetch(`${url}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: {
        ...(user === '' && password === '' ? {} : { Authorization: `Basic ${basic}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
    });
  }

  function describe(
    credentials: Credentials['alexa'],
    latest: v.InferOutput<typeof Latest> | null,
  ): DriverSpeaker {
    const isNothing = latest?.streamUrl === `${credentials.streamUrl}${NOTHING}`;
    const state = latest === null ? 'idle' : isNothing ? 'stopped' : 'playing';
    return {
      id: idOf(credentials),
      name: credentials.name,
      model: 'Alexa, by music-assistant-alexa',
      area: null,
      group: null,
      ensemble: null,
      can: { volume: false, mute: false, delay: false, announce: false },
      state,
      url: state === 'playing' ? (latest?.streamUrl ?? null) : null,
      title: isNothing ? STOP_BY_VOICE : (latest?.title?.slice(0, 200) ?? null),
      volume: null,
      muted: null,
      delayMs: null,
      error: null,
      address: null,
      marks: { host: null, keys: [] },
    };
  }

  function after(ms: number): void {
    if (timer !== null) clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void look(), ms);
  }

  async function look(): Promise<void> {
    const credentials = settings.read();
    const mine = attempt;
    const isMine = (): boolean => !closed && mine === attempt;
    if (credentials === null) return show(null);
    if (isDue(credentials)) void check(credentials);
    try {
      const latest = await askLatest(credentials);
      if (!isMine()) return;
      misses = 0;
      trouble = null;
      report();
      if (speaker === null) log.info({ event: 'speaker-found', kind: 'alexa', name: credentials.name });
      show(describe(credentials, latest));
    } catch (error) {
      if (!isMine()) return;
      counters.count('alexa', 'unreachable');
      misses++;
      trouble = error instanceof SpeakerError ? error.message : WORDS.away;
      report();
      if (misses >= GONE_AFTER) show(null);
    } finally {
      if (isMine()) after(misses > 0 ? LOOK_SOON_MS : LOOK_MS);
    }
  }

  /** Null: it has none yet. */
  async function askLatest(credentials: Credentials['alexa']): Promise<v.InferOutput<typeof Latest> | null> {
    const response = await ask(credentials, '/ma/latest-url');
    if (response.status === 401) throw new SpeakerError(WORDS.refused);
    if (response.status === 404) return null;
    if (response.status !== 200) throw new Error(`it answers ${response.status}`);
    return v.parse(Latest, await bounded(response));
  }

  function isDue({ streamUrl }: Credentials['alexa']): boolean {
    if (checking === streamUrl) return false;
    if (checked?.streamUrl !== streamUrl) return true;
    return checked.problem !== null && now() - checked.atMs >= CHECK_AGAIN_MS;
  }

  function report(): void {
    const all = [trouble, checked?.problem ?? null].filter((one) => one !== null);
    settings.report(all.length === 0 ? null : all.join(' '));
  }

  /** What the internet takes its time for, the skill need not wait for. */
  async function check({ streamUrl }: Credentials['alexa']): Promise<string | null> {
    checking = streamUrl;
    const problem = await publicStreamProblem(streamUrl, outside);
    if (checking === streamUrl) checking = null;
    if (closed || settings.read()?.streamUrl !== streamUrl) return problem;
    checked = { streamUrl, problem, atMs: now() };
    report();
    return problem;
  }

  function deed(id: string, work: (credentials: Credentials['alexa']) => Promise<void>): Promise<void> {
    return withinDeed(async () => {
      if (closed) throw new SpeakerError(SHUTTING_DOWN);
      const credentials = settings.read();
      if (credentials === null || speaker?.id !== id || idOf(credentials) !== id)
        throw new SpeakerError(WORDS.away);
      await work(credentials);
      after(0);
    }, WORDS.away);
  }

  async function push(credentials: Credentials['alexa'], streamUrl: string, title: string): Promise<void> {
    const body = { streamUrl, title, artist: null, album: null, imageUrl: null };
    const response = await ask(credentials, '/ma/push-url', body);
    if (response.status === 401) throw new SpeakerError(WORDS.refused);
    if (!response.ok) throw new SpeakerError(`The Alexa skill refused the stream (${response.status}).`);
  }

  function restart(): void {
    attempt++;
    misses = 0;
    trouble = null;
    checked = null;
    show(null);
    after(0);
  }

  const stopListening = settings.onChange(restart);
  after(0);

  return {
    kind: 'alexa',
    speakers: () => (speaker === null ? [] : [speaker]),
    play: (id, order) =>
      deed(id, async (credentials) => {
        const problem = checked?.problem === null ? null : await check(credentials);
        if (problem !== null) throw new SpeakerError(problem);
        const { pathname } = new URL(order.url(null));
        await push(credentials, `${credentials.streamUrl}${pathname}`, order.title);
      }),
    stop: (id) =>
      deed(id, async (credentials) => {
        if (speaker?.state === 'playing')
          await push(credentials, `${credentials.streamUrl}${NOTHING}`, STOP_BY_VOICE);
      }),
    async close() {
      if (closed) return;
      closed = true;
      attempt++;
      stopListening();
      if (timer !== null) clearTimeout(timer);
    },
  };
}
