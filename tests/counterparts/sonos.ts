/**
 * A household of Sonos players from its own side (one address, one port each): SSDP, descriptions, ZoneGroupTopology, AVTransport,
 * RenderingControl and their events. Strict where the real ones are: radio comes as `x-rincon-mp3radio`, a member of a group
 * refuses what its leader has to be told, and arguments that a service does not know are refused.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  createServer,
  get,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http';
import { counterpartSettings, serveCounterpart } from '../fixtures/counterpart.ts';

export interface SonosSettings {
  address: string;
  players: readonly { uuid: string; name: string; port: number }[];
}

interface Player {
  uuid: string;
  name: string;
  port: number;
  leader: string;
  state: string;
  uri: string;
  metadata: string;
  track: string;
  time: string;
  volume: number;
  muted: boolean;
  sound: IncomingMessage | null;
  subscribers: Map<string, { callback: string; service: string }>;
}

const { address, players: given } = counterpartSettings<SonosSettings>();
const RENDERER = 'urn:schemas-upnp-org:device:MediaRenderer:1';
const RADIO = 'x-rincon-mp3radio://';
const players: Player[] = given.map((player) => ({
  ...player,
  ...{ leader: player.uuid, state: 'STOPPED', uri: '', metadata: '', track: '0', time: '0:00:00' },
  ...{ volume: 25, muted: false, sound: null, subscribers: new Map() },
}));
const asked: string[] = [];
let refusal: number | null = null;
let serial = 0;
let babbles = false;
/** Of a player that there is not, as the topology tells it. */
let invented: string | null = null;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const unescape = (text: string): string =>
  ['lt', '<', 'gt', '>', 'quot', '"', 'apos', "'", 'amp', '&'].reduce(
    (all, _, at, names) => (at % 2 === 0 ? all.replaceAll(`&${names[at]};`, names[at + 1]!) : all),
    text,
  );
const tag = (name: string, text: string): string => `<${name}>${escape(text)}</${name}>`;
const byUuid = (uuid: string): Player => players.find((player) => player.uuid === uuid)!;
const leaderOf = (player: Player): Player => byUuid(player.leader);

function tell(player: Player, service: string): void {
  for (const [sid, subscriber] of player.subscribers) {
    if (subscriber.service !== service) continue;
    const headers = { NT: 'upnp:event', NTS: 'upnp:propchange', SID: sid, SEQ: '1' };
    const request = httpRequest(subscriber.callback, {
      method: 'NOTIFY',
      agent: false,
      localAddress: address,
      headers,
    });
    request.on('error', () => player.subscribers.delete(sid));
    request.on('response', (response) => response.resume());
    request.end('<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"/>');
  }
}

function topology(): string {
  const leaders = players.filter((player) => player.leader === player.uuid);
  const member = ({ uuid, name, port }: Player, more = ''): string =>
    `<ZoneGroupMember UUID="${uuid}" Location="http://${address}:${port}/xml/device_description.xml" ZoneName="${escape(name)}"${more} SoftwareVersion="85.0" BootSeq="7"/>`;
  const groups = leaders.map((leader) => {
    const members = players.filter((player) => player.leader === leader.uuid).map((player) => member(player));
    return `<ZoneGroup Coordinator="${leader.uuid}" ID="${leader.uuid}:1">${members.join('')}</ZoneGroup>`;
  });
  const hidden = `<ZoneGroup Coordinator="RINCON_00000000000001400" ID="x"><ZoneGroupMember UUID="RINCON_00000000000001400" Location="http://${address}:9/" ZoneName="Bridge" Invisible="1"/></ZoneGroup>`;
  const lie =
    invented === null
      ? ''
      : `<ZoneGroup Coordinator="RINCON_0000000000FF01400" ID="y"><ZoneGroupMember UUID="RINCON_0000000000FF01400" Location="${invented}" ZoneName="Nowhere"/></ZoneGroup>`;
  return `<ZoneGroupState><ZoneGroups>${groups.join('')}${hidden}${lie}</ZoneGroups><VanishedDevices/></ZoneGroupState>`;
}

function go(player: Player, state: string): void {
  if (state !== 'PLAYING' && state !== 'TRANSITIONING') {
    player.sound?.destroy();
    player.sound = null;
  }
  player.state = state;
  tell(player, 'AVTransport');
}

function play(player: Player): void {
  player.sound?.destroy();
  player.sound = null;
  go(player, 'TRANSITIONING');
  const { uri } = player;
  // Its own library: there is nothing to fetch.
  if (uri.startsWith('x-rincon-queue:')) return go(player, 'PLAYING');
  get(uri.replace(RADIO, 'http://'), { agent: false }, (response) => {
    if (player.uri !== uri || player.state !== 'TRANSITIONING') return void response.destroy();
    player.sound = response;
    response.once('data', () => go(player, 'PLAYING'));
    response.on('error', () => {});
    response.on('close', () => player.sound === response && go(player, 'STOPPED'));
  }).on('error', () => go(player, 'STOPPED'));
}

function transport(player: Player, action: string, field: (name: string) => string): string | number {
  const isMember = player.leader !== player.uuid;
  switch (action) {
    case 'GetTransportInfo':
      return (
        tag('CurrentTransportState', player.state) +
        tag('CurrentTransportStatus', 'OK') +
        tag('CurrentSpeed', '1')
      );
    case 'GetMediaInfo':
      return (
        tag('NrTracks', '1') +
        tag('CurrentURI', isMember ? `x-rincon:${player.leader}` : player.uri) +
        tag('CurrentURIMetaData', isMember ? '' : player.metadata)
      );
    case 'GetPositionInfo':
      return tag('Track', player.track) + tag('RelTime', player.time);
    case 'BecomeCoordinatorOfStandaloneGroup':
      player.leader = player.uuid;
      for (const one of players) tell(one, 'ZoneGroupTopology');
      return '';
  }
  if (isMember) return 800;
  switch (action) {
    case 'SetAVTransportURI': {
      const uri = field('CurrentURI');
      if (!uri.startsWith(RADIO) && !uri.startsWith('x-rincon-queue:') && !uri.endsWith('.mp3')) return 714;
      go(player, 'STOPPED');
      player.uri = uri;
      player.metadata = field('CurrentURIMetaData');
      [player.track, player.time] = ['1', '0:00:00'];
      return '';
    }
    case 'Seek':
      if (player.uri.startsWith(RADIO)) return 711;
      if (field('Unit') === 'TRACK_NR') player.track = field('Target');
      else player.time = field('Target');
      return '';
    case 'Play':
      if (refusal !== null) return refusal;
      play(player);
      return '';
    case 'Stop':
      if (player.uri === '') return 701;
      go(player, 'STOPPED');
      return '';
    default:
      return 401;
  }
}

function rendering(player: Player, action: string, field: (name: string) => string): string | number {
  if (action === 'GetVolume') return tag('CurrentVolume', String(player.volume));
  if (action === 'GetMute') return tag('CurrentMute', player.muted ? '1' : '0');
  if (action === 'SetVolume') player.volume = Number(field('DesiredVolume'));
  else if (action === 'SetMute') player.muted = field('DesiredMute') === '1';
  else return 401;
  tell(player, 'RenderingControl');
  return '';
}

function act(player: Player, service: string, action: string, body: string): string | number {
  const field = (name: string): string =>
    unescape(new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(body)?.[1] ?? '');
  if (service === 'ZoneGroupTopology') {
    if (body.includes('<InstanceID>')) return 402;
    return action === 'GetZoneGroupState'
      ? tag('ZoneGroupState', babbles ? '<ZoneGroup <<& UUID="' : topology())
      : 401;
  }
  if (!body.includes('<InstanceID>0</InstanceID>')) return 402;
  if (!action.startsWith('Get')) asked.push(`${player.uuid} ${action}`);
  return service === 'AVTransport' ? transport(player, action, field) : rendering(player, action, field);
}

async function serve(player: Player, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '';
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const service =
    /^(?:\/MediaRenderer\/(AVTransport|RenderingControl)|\/(ZoneGroupTopology))\/(?:Control|Event)$/.exec(
      path,
    );
  const name = service?.[1] ?? service?.[2];
  if (request.method === 'GET' && path === '/xml/device_description.xml') {
    const device = (type: string, udn: string, inner: string): string =>
      `<device>${tag('deviceType', type)}${tag('friendlyName', `${address} - Sonos One`)}${tag('manufacturer', 'Sonos, Inc.')}${tag('modelName', 'Sonos One')}${tag('UDN', udn)}${inner}</device>`;
    const renderer = device(RENDERER, `uuid:${player.uuid}_MR`, '');
    const zone = device(
      'urn:schemas-upnp-org:device:ZonePlayer:1',
      `uuid:${player.uuid}`,
      `<deviceList>${renderer}</deviceList>`,
    );
    return void response.end(
      `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">${zone}</root>`,
    );
  }
  if (name === undefined) return void response.writeHead(404).end();
  if (request.method === 'SUBSCRIBE') {
    const renewed = request.headers['sid'];
    if (typeof renewed === 'string' && !player.subscribers.has(renewed))
      return void response.writeHead(412).end();
    const sid = typeof renewed === 'string' ? renewed : `uuid:${player.uuid}_sub${++serial}`;
    response.writeHead(200, { SID: sid, TIMEOUT: 'Second-300' }).end();
    const callback = /<([^>]+)>/.exec(String(request.headers['callback']))?.[1];
    if (callback === undefined) return;
    player.subscribers.set(sid, { callback, service: name });
    return tell(player, name);
  }
  if (request.method === 'UNSUBSCRIBE') {
    player.subscribers.delete(String(request.headers['sid']));
    return void response.writeHead(200).end();
  }
  const action = /#(\w+)"/.exec(String(request.headers['soapaction']))?.[1] ?? '';
  const result = act(player, name, action, Buffer.concat(chunks).toString());
  const isError = typeof result === 'number';
  const inner = isError
    ? `<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${result}</errorCode></UPnPError></detail></s:Fault>`
    : `<u:${action}Response xmlns:u="urn:schemas-upnp-org:service:${name}:1">${result}</u:${action}Response>`;
  response.writeHead(isError ? 500 : 200, { 'Content-Type': 'text/xml; charset="utf-8"' });
  response.end(
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inner}</s:Body></s:Envelope>`,
  );
}

const listening = players.map(async ({ port }) => {
  const server = createServer((request, response) => {
    const player = players.find((one) => one.port === port)!;
    void serve(player, request, response).catch(() => response.destroy());
  });
  server.listen(port, address);
  await once(server, 'listening');
});

const answers = createSocket('udp4').bind(0, address);
const group = createSocket({ type: 'udp4', reuseAddr: true }).bind(1900, () => {
  group.addMembership('239.255.255.250', '127.0.0.1');
});
group.on('message', (packet, from) => {
  if (!packet.toString().startsWith('M-SEARCH') || !packet.toString().includes(RENDERER)) return;
  const { uuid, port } = players[0]!;
  const location = `http://${address}:${port}/xml/device_description.xml`;
  const lines = [
    'HTTP/1.1 200 OK',
    'CACHE-CONTROL: max-age = 1800',
    `LOCATION: ${location}`,
    `ST: ${RENDERER}`,
    `USN: uuid:${uuid}_MR::${RENDERER}`,
  ];
  answers.send([...lines, '', ''].join('\r\n'), from.port, from.address);
});
const ready = Promise.all([...listening, once(group, 'listening'), once(answers, 'listening')]);

serveCounterpart({
  ready: async () => void (await ready),
  reset() {
    [refusal, babbles, invented, asked.length] = [null, false, null, 0];
    for (const [at, player] of players.entries()) {
      player.port = given[at]!.port;
      player.sound?.destroy();
      const fresh = {
        leader: player.uuid,
        state: 'STOPPED',
        uri: '',
        metadata: '',
        volume: 25,
        muted: false,
        sound: null,
      };
      Object.assign(player, fresh);
      player.subscribers.clear();
    }
  },
  heard(uuid: string) {
    const leader = leaderOf(byUuid(uuid));
    return leader.state === 'PLAYING' ? leader.uri : null;
  },
  volume: (uuid: string) => byUuid(uuid).volume / 100,
  muted: (uuid: string) => byUuid(uuid).muted,
  metadata: (uuid: string) => byUuid(uuid).metadata,
  place: (uuid: string) => [byUuid(uuid).track, byUuid(uuid).time],
  asked: () => asked,
  pressStop: (uuid: string) => go(leaderOf(byUuid(uuid)), 'STOPPED'),
  turnKnob(uuid: string, share: number) {
    byUuid(uuid).volume = Math.round(share * 100);
    tell(byUuid(uuid), 'RenderingControl');
  },
  refuse: (code: number) => void (refusal = code),
  invent: (location: string) => void (invented = location),
  /** As after a restart of the router: each has the other's address. */
  swap() {
    const [one, other] = [players[0]!, players[1]!];
    [one.port, other.port] = [other.port, one.port];
    for (const player of players) tell(player, 'ZoneGroupTopology');
  },
  babble: (on: boolean) => void (babbles = on),
  group(member: string, leader: string) {
    go(byUuid(member), 'STOPPED');
    byUuid(member).leader = leader;
    for (const one of players) for (const service of ['ZoneGroupTopology', 'AVTransport']) tell(one, service);
  },
  /** As from its own app: the queue, in the middle of a song. */
  playQueue(uuid: string) {
    const player = byUuid(uuid);
    player.uri = `x-rincon-queue:${uuid}#0`;
    play(player);
    [player.track, player.time] = ['3', '0:01:23'];
  },
});
