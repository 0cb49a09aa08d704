/** Google Cast: speakers, displays, televisions, and groups of them, which announce themselves with a port of their own. */
import { MAX_SPEAKER_MEMBERS } from '../../protocol/speakers.ts';
import { createMdnsBrowser, type MdnsService } from '../mdns-browse.ts';
import type { DriverOptions, DriverSpeaker, SpeakerDriver } from '../port.ts';
import { createRoster } from '../roster.ts';
import { nameOr } from '../within.ts';
import { openCastConnection } from './connection.ts';
import { type CastDevice, type CastFound, hexId, openCastDevice } from './device.ts';

const SERVICE = '_googlecast._tcp.local';
/** Of `ca`: a group of several (as Chromium's own discovery reads it). */
const CAN_GROUP = 32;

const isDeviceId = (id: string): boolean => id.length === 32;
const isAt = (one: CastFound, other: CastFound): boolean =>
  one.address === other.address && one.port === other.port;

/** Null: no Cast device that says who it is. */
export function castFound({ address, port, text }: MdnsService): CastFound | null {
  const deviceId = hexId(text.get('id') ?? '');
  if (!isDeviceId(deviceId) || port === 0) return null;
  const model = (text.get('md') ?? '').slice(0, 200);
  const isGroup = (Number(text.get('ca')) & CAN_GROUP) !== 0 || model === 'Google Cast Group';
  const name = nameOr(text.get('fn') ?? '', model === '' ? 'Cast device' : model.slice(0, 80));
  return { deviceId, name, model: model === '' ? null : model, isGroup, address, port };
}

export function createCastDriver(options: DriverOptions): SpeakerDriver {
  const { onChange, now, counters } = options;
  let speakers: readonly DriverSpeaker[] = [];
  let closed = false;

  const roster = createRoster<CastFound, CastDevice>({
    ...options,
    kind: 'cast',
    async open(found, onLost) {
      const connection = await openCastConnection(found, now, onLost);
      return openCastDevice(found, connection, now, changed);
    },
    shut: (device) => device.close(),
    hostOf: ({ address }) => address,
    about: ({ speaker }) => speaker,
    onChange: changed,
  });

  function look(): void {
    for (const service of browser.services()) {
      const found = castFound(service);
      if (found === null) {
        counters.count('cast', 'bad-announcement');
        continue;
      }
      const member = roster.get(found.deviceId);
      if (member?.device == null) roster.meet(found.deviceId, found);
      else if (JSON.stringify(found) !== JSON.stringify(member.found)) {
        const isRenamed = isAt(found, member.device.found);
        // At another address: what answers where it was stays until it does no longer.
        member.found = found;
        if (isRenamed) roster.reopen(found.deviceId);
      }
    }
    // Leases change hands: where this one was found is another one now, and a Cast device does not say who it is.
    for (const { key, found, device } of roster.there()) {
      const isOthers = roster.all().some((other) => other.key !== key && isAt(other.found, device.found));
      if (!isAt(found, device.found) && isOthers) roster.reopen(key);
    }
  }

  function changed(): void {
    const there = roster.there();
    const sounding = there.filter(({ device: { speaker } }) =>
      ['playing', 'buffering'].includes(speaker.state),
    );
    const next = there.map(({ found, device }): DriverSpeaker => {
      const groups = sounding.filter((other) => other.device.members.includes(found.deviceId));
      const group = groups.map((one) => one.found.name).join(', ');
      const members = device.members.filter(isDeviceId).slice(0, MAX_SPEAKER_MEMBERS);
      return {
        ...device.speaker,
        group: group === '' ? null : group.slice(0, 200),
        ...(members.length === 0 ? {} : { members: members.map((id) => `cast:${id}`) }),
      };
    });
    if (closed || JSON.stringify(next) === JSON.stringify(speakers)) return;
    speakers = next;
    onChange();
  }

  const browser = createMdnsBrowser({ ...options, service: SERVICE, onChange: look });

  return {
    kind: 'cast',
    speakers: () => speakers,
    play: (id, order) => roster.reach(id, (device) => device.play(order)),
    stop: (id) => roster.reach(id, (device) => device.stop()),
    setVolume: (id, volume) => roster.reach(id, (device) => device.setVolume(volume)),
    setMuted: (id, muted) => roster.reach(id, (device) => device.setMuted(muted)),
    announce: (id, announcement) => roster.reach(id, (device) => device.announce(announcement)),
    async close() {
      if (closed) return;
      closed = true;
      browser.close();
      roster.close();
    },
  };
}
