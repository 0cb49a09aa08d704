/**
 * A Cast device from its own side: castv2's server over TLS, the platform receiver, the Default Media Receiver and its group, as
 * the vendor's devices speak (CONNECT before anything is heard, PING and PONG, RECEIVER_STATUS and MEDIA_STATUS to all who
 * are connected). It fetches what it is told to play, and plays while that flows. A group takes its members over when it is
 * launched; one that is launched by itself leaves it, and the others play on as a group of another id (pychromecast, issues 111
 * and 292), so this one's session has ended.
 */
import { generateKeyPairSync } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { Client, Server } from 'castv2';
import proto from 'castv2/lib/proto.js';
import { setTimeout as pause } from 'node:timers/promises';
import { issueAuthority } from '../../signaling/ops/x509.ts';
import { counterpartSettings, serveCounterpart } from '../fixtures/counterpart.ts';
import { announce } from './mdns-announce.ts';

export interface CastSettings {
  deviceId: string;
  name: string;
  address: string;
  port: number;
  /** Of a group; the first one leads it. */
  members?: readonly Pick<CastSettings, 'deviceId' | 'address' | 'port'>[];
}

const settings = counterpartSettings<CastSettings>();
const { deviceId, name, address, port, members } = settings;
const NAMESPACE = 'urn:x-cast:com.google.cast.';
/** How devices of a group tell each other is theirs alone: here it is this. */
const GROUP = 'urn:x-earshot.group';

interface Connected {
  clientId: string;
  source: string;
  destination: string;
}

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const server = new Server({
  key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  cert: issueAuthority(name, keys, Date.now()),
});
let connected: Connected[] = [];
let volume = { controlType: 'attenuation', level: 0.25, muted: false, stepInterval: 0.01 };
let application: { sessionId: string; appId: string; transportId: string | null } | null = null;
/** Of a member: the group that it plays in. */
let leader: Connected | null = null;
/** Of a group: its members' devices. */
const followers: Client[] = [];
let media: {
  mediaSessionId: number;
  url: string;
  playerState: string;
  idleReason?: string;
  title: string;
  contentType: string;
  streamType: string;
} | null = null;
let sound: IncomingMessage | null = null;
let sessions = 0;
let refuses = false;
let isDeaf = false;

function send(to: Connected, namespace: string, data: unknown, broadcast = false): void {
  if (server.clients[to.clientId] === undefined) return;
  server.send(
    to.clientId,
    to.destination,
    broadcast ? '*' : to.source,
    `${NAMESPACE}${namespace}`,
    JSON.stringify(data),
  );
}

const receiverStatus = (requestId = 0): unknown => ({
  type: 'RECEIVER_STATUS',
  requestId,
  status: {
    applications:
      application === null
        ? undefined
        : [
            {
              appId: application.appId,
              displayName: 'Default Media Receiver',
              isIdleScreen: false,
              sessionId: application.sessionId,
              statusText: 'Ready To Cast',
              ...(application.transportId === null
                ? {}
                : {
                    transportId: application.transportId,
                    namespaces: [{ name: `${NAMESPACE}media` }],
                  }),
            },
          ],
    userEq: {},
    volume,
  },
});

const mediaStatus = (requestId = 0): unknown => ({
  type: 'MEDIA_STATUS',
  requestId,
  status:
    media === null
      ? []
      : [
          {
            mediaSessionId: media.mediaSessionId,
            playbackRate: 1,
            playerState: media.playerState,
            ...(media.idleReason === undefined ? {} : { idleReason: media.idleReason }),
            currentTime: 0,
            supportedMediaCommands: 274_447,
            volume: { level: 1, muted: false },
            media: {
              contentId: media.url,
              streamType: media.streamType,
              contentType: media.contentType,
              metadata: { metadataType: 0, title: media.title },
            },
          },
        ],
});

function tellAll(namespace: 'receiver' | 'media', status: unknown): void {
  for (const one of connected)
    if ((one.destination === 'receiver-0') === (namespace === 'receiver')) send(one, namespace, status, true);
}

function silence(idleReason: string | null): void {
  sound?.destroy();
  sound = null;
  if (media !== null && idleReason !== null) media = { ...media, playerState: 'IDLE', idleReason };
}

function run(appId: string): void {
  const sessionId = `session-${++sessions}`;
  application = { sessionId, appId, transportId: sessionId };
}

/** Launched or stopped by itself: it plays in no group any more. */
function leaveGroup(): void {
  if (leader !== null && server.clients[leader.clientId] !== undefined)
    server.send(leader.clientId, leader.destination, leader.source, GROUP, '{"type":"LEFT"}');
  leader = null;
}

function gather(): void {
  for (const [at, member] of (members ?? []).entries()) {
    const client = new Client();
    followers.push(client);
    client.on('error', () => {});
    client.on('message', () => {
      for (const follower of followers.splice(0)) follower.close();
      quit();
    });
    client.connect({ host: member.address, port: member.port }, () =>
      client.send('group', 'receiver-0', GROUP, JSON.stringify({ type: 'JOIN', isLeader: at === 0 })),
    );
  }
}

function disperse(): void {
  for (const follower of followers.splice(0)) {
    follower.send('group', 'receiver-0', GROUP, '{"type":"PART"}');
    follower.close();
  }
}

function hearGroup(from: Connected, { type, isLeader }: { type: string; isLeader?: boolean }): void {
  if (type === 'JOIN') {
    quit();
    leader = from;
    run(isLeader === true ? 'MultizoneLeader' : 'MultizoneFollower');
    application = { ...application!, transportId: isLeader === true ? null : 'multizone-2' };
  } else if (leader?.clientId === from.clientId) {
    leader = null;
    application = null;
  }
  tellAll('receiver', receiverStatus());
}

function quit(): void {
  silence(null);
  media = null;
  application = null;
  disperse();
  connected = connected.filter(({ destination }) => destination === 'receiver-0');
  tellAll('receiver', receiverStatus());
}

function load(
  from: Connected,
  data: {
    requestId: number;
    media: { contentId: string; contentType: string; streamType: string; metadata?: { title?: string } };
  },
): void {
  silence(null);
  if (refuses) {
    media = null;
    return send(from, 'media', { type: 'LOAD_FAILED', requestId: data.requestId });
  }
  const url = data.media.contentId;
  media = {
    mediaSessionId: ++sessions,
    url,
    playerState: 'BUFFERING',
    title: data.media.metadata?.title ?? '',
    contentType: data.media.contentType,
    streamType: data.media.streamType,
  };
  send(from, 'media', mediaStatus(data.requestId));
  const mine = media;
  const fail = (): void => {
    if (media?.mediaSessionId !== mine.mediaSessionId) return;
    silence('ERROR');
    tellAll('media', mediaStatus());
  };
  get(url, { headers: { 'User-Agent': 'CrKey/1.56' } }, (response) => {
    if (media?.mediaSessionId !== mine.mediaSessionId) return void response.destroy();
    if (response.statusCode !== 200) return fail();
    sound = response;
    response.once('data', () => {
      if (media?.mediaSessionId !== mine.mediaSessionId) return;
      media = { ...mine, playerState: 'PLAYING' };
      tellAll('media', mediaStatus());
    });
    response.on('error', () => {});
    response.on('end', () => {
      if (media?.mediaSessionId !== mine.mediaSessionId || mine.streamType !== 'BUFFERED') return;
      silence('FINISHED');
      tellAll('media', mediaStatus());
    });
    response.on('close', () => media?.playerState !== 'IDLE' && fail());
  }).on('error', fail);
}

server.on(
  'message',
  (clientId: string, source: string, destination: string, namespace: string, text: string) => {
    const data = JSON.parse(text) as { type: string; requestId: number } & Record<string, unknown>;
    const from = { clientId, source, destination };
    const kind = namespace.slice(NAMESPACE.length);
    if (isDeaf) return;
    if (namespace === GROUP) return hearGroup(from, data);
    if (kind === 'tp.heartbeat') {
      if (data.type === 'PING') send(from, kind, { type: 'PONG' });
      return;
    }
    if (kind === 'tp.connection') {
      connected = connected.filter(
        (one) => one.clientId !== clientId || one.source !== source || one.destination !== destination,
      );
      if (data.type === 'CONNECT') connected.push(from);
      return;
    }
    // Who did not connect is not heard, as with real devices.
    const isConnected = connected.some(
      (one) => one.clientId === clientId && one.source === source && one.destination === destination,
    );
    if (!isConnected) return;
    if (kind === 'multizone' && members !== undefined && data.type === 'GET_STATUS') {
      const devices = members.map((member) => ({
        deviceId: member.deviceId,
        name: member.deviceId,
        capabilities: 4,
        volume: { level: 0.3, muted: false },
      }));
      return send(from, kind, {
        type: 'MULTIZONE_STATUS',
        requestId: data.requestId,
        status: { devices, isMultichannel: false },
      });
    }
    if (kind === 'receiver') {
      if (data.type === 'LAUNCH') {
        leaveGroup();
        silence(null);
        media = null;
        run(String(data['appId']));
        disperse();
        gather();
      } else if (data.type === 'STOP') {
        if (application?.sessionId !== data['sessionId'])
          return send(from, kind, {
            type: 'INVALID_REQUEST',
            requestId: data.requestId,
            reason: 'INVALID_SESSION_ID',
          });
        leaveGroup();
        silence(null);
        media = null;
        application = null;
        disperse();
      } else if (data.type === 'SET_VOLUME') {
        volume = { ...volume, ...(data['volume'] as object) };
      }
      send(from, kind, receiverStatus(data.requestId));
      if (data.type !== 'GET_STATUS') tellAll('receiver', receiverStatus());
      return;
    }
    if (kind === 'media' && application?.transportId === destination) {
      if (data.type === 'LOAD') return load(from, data as never);
      if (data.type === 'STOP') silence('CANCELLED');
      send(from, 'media', mediaStatus(data.requestId));
      if (data.type !== 'GET_STATUS') tellAll('media', mediaStatus());
    }
  },
);

/** Bytes that no Cast device says, to everybody who is connected by now. */
function babble(kind: string): void {
  const packet = (body: Buffer): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32BE(body.length);
    return Buffer.concat([size, body]);
  };
  for (const client of Object.values(server.clients)) {
    if (kind === 'not protobuf') client.socket.write(packet(Buffer.from('0affffffffffffffff', 'hex')));
    if (kind === 'huge') client.socket.write(Buffer.from('fffffff0', 'hex'));
  }
  for (const one of connected.filter(({ clientId }) => server.clients[clientId] !== undefined)) {
    const space = one.destination === 'receiver-0' ? 'receiver' : 'media';
    if (kind === 'not JSON')
      server.send(one.clientId, one.destination, '*', `${NAMESPACE}${space}`, '{"type":');
    if (kind === 'flood') for (let at = 0; at < 2_000; at++) send(one, space, receiverStatus());
    if (kind === 'other shapes')
      for (const data of [
        null,
        7,
        [],
        {},
        { type: 'RECEIVER_STATUS' },
        { type: 'RECEIVER_STATUS', status: { applications: [null] } },
        { type: 'MEDIA_STATUS', status: 'x' },
        { type: 'MEDIA_STATUS', status: [{ playerState: 'FLYING' }] },
      ])
        send(one, space, data, true);
  }
}

/** castv2 reads its protocol from a file, and throws until then. */
async function codec(): Promise<void> {
  for (;;) {
    try {
      proto.CastMessage.parse(Buffer.alloc(0));
    } catch (error) {
      if (!String(error).includes('not loaded yet')) return;
      await pause(5);
    }
  }
}
await codec();

function announceAt(told: number): ReturnType<typeof announce> {
  const text = [
    `id=${deviceId}`,
    'cd=AB',
    'rm=',
    've=05',
    `md=${members === undefined ? 'Google Home Mini' : 'Google Cast Group'}`,
  ];
  const more = [
    'ic=/setup/icon.png',
    `fn=${name}`,
    `ca=${members === undefined ? 199_172 : 199_204}`,
    'st=0',
    'bs=FA8FCA',
    'nf=1',
    'rs=',
  ];
  return announce('127.0.0.1', {
    service: '_googlecast._tcp.local',
    instance: `Earshot-test-${deviceId}`,
    host: `${deviceId}.local`,
    address,
    port: told,
    text: [...text, ...more],
  });
}

let announced: ReturnType<typeof announce> = new Promise((resolve, reject) => {
  server.on('error', reject);
  server.listen(port, address, () => void announceAt(port).then(resolve, reject));
});

serveCounterpart({
  ready: async () => void (await announced),
  heard: () => (media?.playerState === 'PLAYING' ? media.url : null),
  volume: () => volume.level,
  muted: () => volume.muted,
  pressStop: quit,
  turnKnob(level: number) {
    volume = { ...volume, level };
    tellAll('receiver', receiverStatus());
  },
  refuse: () => void (refuses = true),
  deafen: () => void (isDeaf = true),
  babble,
  /** It says that it is there, and no longer that it is where it was. */
  async sayAt(told: number) {
    await (await announced).close();
    announced = announceAt(told);
    await announced;
  },
  goodbye: async () => (await announced).goodbye(),
  reset() {
    isDeaf = false;
    refuses = false;
    leader = null;
    volume = { ...volume, level: 0.25, muted: false };
    quit();
  },
  title: () => media?.title ?? null,
  /** Nothing runs on it, not even a player. */
  isIdle: () => application === null,
  /** Another app, as from its own sender. */
  startApp() {
    quit();
    run('SPOTIFY1');
    tellAll('receiver', receiverStatus());
  },
  /** Nothing came any more, and it takes that for the end. */
  runDry() {
    silence('FINISHED');
    tellAll('media', mediaStatus());
  },
  /** Stopped in the middle, as from another sender. */
  cancel() {
    silence('CANCELLED');
    tellAll('media', mediaStatus());
  },
});
