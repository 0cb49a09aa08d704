/**
 * People in the room: one browser context each, as pages of one context would talk over a BroadcastChannel and pass
 * without WebRTC. Who talks has a browser process of their own, because a fake microphone belongs to the process.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from '@playwright/test';
import { CHROMIUM, CHROMIUM_ARGS } from './chromium.ts';
import { readNetLog } from './net-log.ts';
import type { RunningNode } from './node.ts';
import { sayName } from './room.ts';
import { bendClock } from './clock.ts';
import { homeThatTrusts } from './trust.ts';

export const PHONE = { width: 390, height: 844 } as const;
export const LAPTOP = { width: 1280, height: 800 } as const;

export interface PersonOptions {
  /** PHONE by default. */
  viewport?: { width: number; height: number };
  /** What the microphone hears, looped: a WAV file. */
  microphoneWav?: string;
  /** Without it every permission that is asked for is granted. */
  refuseMicrophone?: boolean;
  /** Nothing stands in for the hardware that test machines lack: no microphone, or the system's own (see `heard`). */
  noMicrophone?: boolean;
  /** A name that leads to this machine but is no secure origin over plain HTTP, as a LAN address is none. */
  insecureHost?: string;
  /** WebRTC gets no address and sends no UDP, as a VPN's or a company's setting has it. */
  withoutWebRtc?: true;
  /** In a browser process of its own, which can be ended by itself. */
  ownBrowser?: true;
  /**
   * The browser is heard: what its environment needs for that (PULSE_SERVER, PULSE_SINK), and for a microphone of the
   * system's (PULSE_SOURCE, with `noMicrophone`).
   */
  heard?: Readonly<Record<string, string>>;
  /** The page's monotonic clock is this far off, and goes wrong by this much more as time goes on. */
  clock?: { offsetMs: number; driftPpm: number };
}

export interface Person {
  readonly name: string;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Uncaught errors and what the Content-Security-Policy stopped. */
  readonly faults: readonly string[];
  /** URLs of every request and WebSocket, service worker's included. */
  readonly requests: readonly string[];
}

export interface People {
  /** A new person with an empty page; nothing is opened yet. */
  arrive(name: string, options?: PersonOptions): Promise<Person>;
  /** Opens the room's link and says the name. */
  join(name: string, options?: PersonOptions): Promise<Person>;
  /** Closes every browser, then throws when anything reached off the LAN, or a page had a fault. */
  close(): Promise<void>;
}

interface Running {
  browser: Browser;
  home: string;
  netLog: string;
}

async function launch(node: Pick<RunningNode, 'caPath'>, options: PersonOptions): Promise<Running> {
  const home = homeThatTrusts(node.caPath);
  const netLog = join(home, 'net-log.json');
  const ui = '--use-fake-ui-for-media-stream';
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    env: { ...process.env, HOME: home, ...options.heard },
    // Playwright silences browsers by itself.
    ignoreDefaultArgs: options.heard === undefined ? [] : ['--mute-audio'],
    args: [
      // `=deny` answers the microphone prompt with no.
      ...CHROMIUM_ARGS.filter(
        (arg) => options.noMicrophone !== true || arg !== '--use-fake-device-for-media-stream',
      ).map((arg) => (arg === ui && options.refuseMicrophone === true ? `${ui}=deny` : arg)),
      `--log-net-log=${netLog}`,
      ...(options.insecureHost === undefined
        ? []
        : [`--host-resolver-rules=MAP ${options.insecureHost} 127.0.0.1`]),
      ...(options.withoutWebRtc === undefined ? [] : ['--webrtc-ip-handling-policy=disable_non_proxied_udp']),
      ...(options.microphoneWav === undefined
        ? []
        : [`--use-file-for-fake-audio-capture=${options.microphoneWav}`]),
    ],
  });
  return { browser, home, netLog };
}

function watch(context: BrowserContext): { faults: string[]; requests: string[] } {
  const faults: string[] = [];
  const requests: string[] = [];
  context.on('request', (request) => requests.push(request.url()));
  context.on('weberror', (error) => faults.push(error.error().stack ?? String(error.error())));
  context.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  context.on('page', (page) => page.on('websocket', (socket) => requests.push(socket.url())));
  return { faults, requests };
}

export function createPeople(node: Pick<RunningNode, 'appLink' | 'caPath' | 'secret'>): People {
  const running: Running[] = [];
  const everybody: Person[] = [];
  let shared: Promise<Running> | null = null;

  async function browserFor(options: PersonOptions): Promise<Browser> {
    if (Object.keys(options).some((key) => key !== 'viewport')) {
      const own = await launch(node, options);
      running.push(own);
      return own.browser;
    }
    shared ??= launch(node, {}).then((one) => {
      running.push(one);
      return one;
    });
    return (await shared).browser;
  }

  async function arrive(name: string, options: PersonOptions = {}): Promise<Person> {
    const browser = await browserFor(options);
    const context = await browser.newContext({ viewport: options.viewport ?? PHONE });
    if (options.clock) await bendClock(context, options.clock);
    const seen = watch(context);
    const person = { name, context, page: await context.newPage(), ...seen };
    everybody.push(person);
    return person;
  }

  return {
    arrive,
    async join(name, options = {}) {
      const person = await arrive(name, options);
      await person.page.goto(node.appLink);
      await sayName(person.page, name);
      return person;
    },
    async close() {
      const wrong = everybody.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
      const secrets = everybody.flatMap(({ name, requests }) =>
        requests
          .filter((url) => (url.split('#')[0] ?? '').includes(node.secret))
          .map((url) => `${name} sent the room's secret: ${url}`),
      );
      for (const { browser, home, netLog } of running) {
        await browser.close();
        if (!existsSync(netLog)) wrong.push(`no log of the network at ${netLog}`);
        else wrong.push(...readNetLog(netLog).offLan.map((entry) => `off the LAN: ${entry}`));
        rmSync(home, { recursive: true, force: true });
      }
      wrong.push(...secrets);
      if (wrong.length > 0) throw new Error(wrong.join('\n'));
    },
  };
}
