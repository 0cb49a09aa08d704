/** Alexa against what music-assistant-alexa documents, in its own process at its own address. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, it, test } from 'vitest';
import { PRIVATE_RANGES, urlHost } from '../../signaling/ops/addresses.ts';
import { issueAuthority, issueLeaf } from '../../signaling/ops/x509.ts';
import type { Credentials } from '../../signaling/protocol/credentials.ts';
import { NOT_PUBLIC, writtenProblem } from '../../signaling/protocol/public-address.ts';
import { createAlexaDriver } from '../../signaling/speakers/alexa/driver.ts';
import { type Outside, publicStreamProblem } from '../../signaling/speakers/alexa/public-address.ts';
import type { DriverSpeaker, SpeakerDriver } from '../../signaling/speakers/port.ts';
import type { AlexaSettings } from '../counterparts/alexa.ts';
import { type Counterpart, startCounterpart } from '../fixtures/counterpart.ts';
import { driverOptions } from '../fixtures/driver-options.ts';
import { type EndlessSound, startEndlessSound } from '../fixtures/endless-sound.ts';
import { type Given, given } from '../fixtures/given.ts';
import { freePort } from '../fixtures/ports.ts';
import { until } from '../fixtures/until.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';

const PUBLIC = 'https://music.example.com';

/** The proxy of the house, as the internet sees it: it leads to the local stream. */
function outside(sound: EndlessSound): Outside {
  return {
    resolve: async () => ['93.184.216.34'],
    fetch: (url, init) => fetch(url.replace(PUBLIC, sound.base), init),
  };
}

interface Rig {
  driver: SpeakerDriver;
  skill: Counterpart;
  sound: EndlessSound;
  given: Given<Credentials['alexa']>;
  credentials: Credentials['alexa'];
  changes(): number;
  /** So much time goes by. */
  later(ms: number): void;
  seen(): DriverSpeaker | undefined;
  plugIn(): Promise<void>;
  close(): Promise<void>;
}

let spare: { settings: AlexaSettings; skill: Counterpart } | null = null;
afterAll(async () => spare?.skill.kill());

async function start(
  changesTo: Partial<Credentials['alexa']> = {},
  changedOutside: (sound: EndlessSound) => Partial<Outside> = () => ({}),
): Promise<Rig> {
  const settings = spare?.settings ?? {
    address: '127.0.1.9',
    port: await freePort(),
    user: 'me',
    password: 'pass:word',
  };
  let skill = spare?.skill ?? (await startCounterpart('alexa.ts', settings));
  spare = null;
  const sound = await startEndlessSound();
  await skill.call('world', PUBLIC, sound.base);
  const credentials = {
    url: `http://${settings.address}:${settings.port}`,
    user: settings.user,
    password: settings.password,
    streamUrl: PUBLIC,
    name: 'Echos',
    ...changesTo,
  };
  const settled = given<Credentials['alexa']>(credentials);
  let changes = 0;
  let laterMs = 0;
  const driver = createAlexaDriver(
    {
      ...driverOptions(() => changes++),
      now: () => performance.now() + laterMs,
      outside: { ...outside(sound), ...changedOutside(sound) },
    },
    settled,
  );
  return {
    driver,
    get skill() {
      return skill;
    },
    sound,
    given: settled,
    credentials,
    changes: () => changes,
    later: (ms) => void (laterMs += ms),
    seen: () => driver.speakers()[0],
    async plugIn() {
      skill = await startCounterpart('alexa.ts', settings);
      await skill.call('world', PUBLIC, sound.base);
    },
    async close() {
      await driver.close();
      if (skill.isRunning) {
        await skill.call('reset');
        spare = { settings, skill };
      }
      await sound.close();
    },
  };
}

describe('Alexa', () => {
  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      const rig = await start();
      return {
        driver: rig.driver,
        device: {
          name: rig.credentials.name,
          heard: () => rig.skill.call<string | null>('heard'),
          volume: null,
          muted: null,
          delayMs: null,
          pressStop: null,
          turnKnob: null,
          unplug: () => rig.skill.kill(),
          plugIn: () => rig.plugIn(),
          refuse: () => rig.skill.call('refuse'),
        },
        changes: rig.changes,
        streams: [`${PUBLIC}/stream.mp3`, `${PUBLIC}/stream/abcdefghijklmnopqrst.mp3`],
        close: rig.close,
      };
    },
  });

  async function withSkill(
    body: (rig: Rig) => Promise<void>,
    changesTo?: Partial<Credentials['alexa']>,
  ): Promise<void> {
    const rig = await start(changesTo);
    try {
      await body(rig);
    } finally {
      await rig.close();
    }
  }

  it('is handed the public address of the room, whatever the LAN calls it', () =>
    withSkill(async (rig) => {
      const { id } = await until('the skill', rig.seen);
      const lan = 'http://192.168.1.20:8097/stream/abcdefghijklmnopqrst.mp3';
      await rig.driver.play(id, { url: () => lan, title: 'The room' });
      expect(await rig.skill.call('latest')).toMatchObject({
        streamUrl: `${PUBLIC}/stream/abcdefghijklmnopqrst.mp3`,
        title: 'The room',
      });
      await until('it to be seen', () => rig.seen()?.title === 'The room');
      await rig.driver.stop(id);
      await until('what stops an Echo', () => rig.seen()?.title?.includes('Alexa, stop'));
    }));

  it('is told nothing that an Echo could not play, and says why', () =>
    withSkill(
      async (rig) => {
        const { id } = await until('the skill', rig.seen);
        const words = 'An Echo takes HTTPS only: the address has to begin with https://.';
        await until('the reason', () => rig.given.trouble === words);
        await expect(rig.driver.play(id, { url: () => `${PUBLIC}/stream.mp3`, title: '' })).rejects.toThrow(
          words,
        );
        expect(await rig.skill.call('latest')).toBeNull();
      },
      { streamUrl: 'http://music.example.com' },
    ));

  it('says that the password is wrong, and goes on when it is right', () =>
    withSkill(
      async (rig) => {
        await until('the reason', () => rig.given.trouble?.includes('name and password'));
        expect(rig.driver.speakers()).toEqual([]);
        rig.given.give({ ...rig.credentials, password: 'pass:word' });
        await until('the skill', rig.seen);
      },
      { password: 'wrong' },
    ));

  it('says what is wrong with the address too while the skill is away, and no longer once that is mended', async () => {
    let isMended = false;
    const rig = await start({}, (sound) => ({
      fetch: (url, init) =>
        url.startsWith(PUBLIC) && !isMended
          ? Promise.resolve(new Response(null, { status: 502 }))
          : outside(sound).fetch(url, init),
    }));
    try {
      await until('the reason', () => rig.given.trouble?.startsWith('Something else answers'));
      await rig.skill.kill();
      await until('both reasons', () =>
        ['The Alexa skill does not answer.', '(502)'].every((words) => rig.given.trouble?.includes(words)),
      );
      isMended = true;
      rig.later(60_000);
      await until('one reason', () => rig.given.trouble?.includes('(502)') === false);
      expect(rig.given.trouble).toContain('The Alexa skill does not answer.');
      await rig.plugIn();
      await until('none', () => rig.given.trouble === null);
    } finally {
      await rig.close();
    }
  });

  it('outlives answers that make no sense', () =>
    withSkill(async (rig) => {
      await until('the skill', rig.seen);
      for (const text of ['{"streamUrl":', '[]', '{"streamUrl":7}', `"${'x'.repeat(100_000)}"`]) {
        await rig.skill.call('babble', text);
        rig.given.give(rig.credentials);
        await until('it to be missed', () => rig.given.trouble !== null && rig.seen() === undefined);
        await rig.skill.call('babble', null);
        rig.given.give(rig.credentials);
        await until('it to be back', rig.seen);
      }
    }));
});

describe('an address for an Echo', () => {
  const never: Outside = {
    resolve: () => Promise.reject(new Error('asked the internet')),
    fetch: () => Promise.reject(new Error('asked the internet')),
  };
  it.each([
    ['music', 'This is no address'],
    ['http://music.example.com', 'HTTPS only'],
    ['https://music.example.com:8443', 'port 443 only'],
    ['https://192.168.1.20', 'your own network only'],
    ['https://earshot.local', 'your own network only'],
    ['https://[fd00::1]', 'your own network only'],
    ['https://music.example.com', 'does not know the name'],
  ])('%s: %s', async (address, words) => {
    expect(await publicStreamProblem(address, never)).toContain(words);
  });

  it('is judged by the form as the node judges it', () => {
    for (const { address, family } of PRIVATE_RANGES)
      expect(writtenProblem(`https://${urlHost(address)}`), `${family} ${address}`).toBe(NOT_PUBLIC);
    for (const host of [
      '9.255.1.1',
      '172.15.0.1',
      '172.32.0.1',
      '100.63.0.1',
      '100.128.0.1',
      '[2001:db8::1]',
    ])
      expect(writtenProblem(`https://${host}`), host).toBeNull();
  });

  it('that leads home is none', async () => {
    const home = { ...never, resolve: async () => ['192.168.1.20', 'fd00::1'] };
    expect(await publicStreamProblem(PUBLIC, home)).toContain('your own network only');
  });

  it('is tried over HTTPS: the stream has to answer, with a certificate that is trusted', async () => {
    const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const authority = issueAuthority('Proxy CA', ca, Date.now());
    const names = ['127.0.0.1'];
    let answer = { status: 200, type: 'audio/mpeg' };
    const asked: (string | undefined)[] = [];
    const server = createServer(
      {
        key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }),
        cert: issueLeaf(names, leaf.publicKey, { name: 'Proxy CA', ...ca }, Date.now()),
      },
      ({ method, url }, response) => {
        asked.push(`${method} ${url}`);
        response.writeHead(answer.status, { 'Content-Type': answer.type }).end();
      },
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const local = (trusted: string | undefined): Outside => ({
      resolve: async () => ['93.184.216.34'],
      fetch: (url, { method }) =>
        new Promise((resolve, reject) => {
          const options = {
            host: '127.0.0.1',
            port,
            path: new URL(url).pathname,
            method,
            ca: trusted,
            agent: false,
          };
          request(options, (response) => {
            const { statusCode = 0, headers } = response.resume();
            resolve(
              new Response(null, {
                status: statusCode,
                headers: { 'content-type': headers['content-type'] ?? '' },
              }),
            );
          })
            .on('error', reject)
            .end();
        }),
    });
    try {
      expect(await publicStreamProblem(PUBLIC, local(authority))).toBeNull();
      expect(asked).toEqual(['HEAD /stream.mp3']);
      expect(await publicStreamProblem(PUBLIC, local(undefined))).toContain('certificate');
      answer = { status: 200, type: 'text/html' };
      expect(await publicStreamProblem(PUBLIC, local(authority))).toContain(
        'Something else answers at the stream’s public address (200)',
      );
      answer = { status: 404, type: 'audio/mpeg' };
      expect(await publicStreamProblem(PUBLIC, local(authority))).toContain('(404)');
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
