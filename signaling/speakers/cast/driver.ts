/** Google Cast: speakers, displays, televisions, and groups of them, which announce themselves with a port of their own. */
import { MAX_SPEAKERS } from '../../protocol/speakers.ts';
import { createMdnsBrowser, type MdnsService } from '../mdns-browse.ts';
import { type DriverOptions, SpeakerError, type SpeakerDriver } from '../port.ts';
import { nameOr, OUT_OF_REACH, SHUTTING_DOWN, withinDeed } from '../within.ts';
import { openCastConnection } from './connection.ts';
import { type CastDevice, type CastFound, hexId, openCastDevice } from './device.ts';

const SERVICE = '_googlecast._tcp.local';
/** Those that are there, and those that were: one that is switched on again is told of late, or by nobody. */
const MAX_KNOWN = 2 * MAX_SPEAKERS;
/** A device leads some groups; one machine that invents devices must not take the place of real ones. */
const MAX_AT_ONE_ADDRESS = 16;
const MAX_OPENING = 4;
const TICK_MS = 1_000;
const AGAIN_MS = 3_000;
const AGAIN_LATER_MS = 60_000;
const LATER_MS = 600_000;
const FORGET_MS = 86_400_000;
/** Of `ca`: a group of several (as Chromium's own discovery reads it). */
const CAN_GROUP = 32;

interface Known {
  found: CastFound;
  device: CastDevice | null;
  isOpening: boolean;
  /** Since it was there last, or announced first. */
  missedAtMs: number;
  nextTryMs: number;
}

/** Null: no Cast device that says who it is. */
export function castFound({ address, port, text }: MdnsService): CastFound | null {
  const deviceId = hexId(text.get('id') ?? '');
  if (deviceId.length !== 32 || port === 0) return null;
  const model = (text.get('md') ?? '').slice(0, 200);
  const isGroup = (Number(text.get('ca')) & CAN_GROUP) !== 0 || model === 'Google Cast Group';
  const name = nameOr(text.get('fn') ?? '', model === '' ? 'Cast device' : model.slice(0, 80));
  return { deviceId, name, model: model === '' ? null : model, isGroup, address, port };
}

export function createCastDriver(options: DriverOptions): SpeakerDriver {
  const { onChange, now, counters, log } = options;
  const known = new Map<string, Known>();
  let opening = 0;
  let closed = false;
  function look(): void {
    for (const service of browser.services()) {
      const found = castFound(service);
      if (found === null) {
        counters.count('cast', 'bad-announcement');
        continue;
      }
      const entry = known.get(found.deviceId);
      if (entry === undefined) {
        if (!makePlace(found.address)) counters.count('cast', 'too-many');
        else
          known.set(found.deviceId, {
            found,
            device: null,
            isOpening: false,
            missedAtMs: now(),
            nextTryMs: now(),
          });
      } else if (JSON.stringify(found) !== JSON.stringify(entry.found)) {
        // Renamed, or at another address. What answers where it was stays until it does no longer.
        const hasMoved = found.address !== entry.found.address || found.port !== entry.found.port;
        if (entry.device === null) Object.assign(entry, { found, nextTryMs: now() });
        else if (!hasMoved) reopen(entry, found);
        else entry.found = found;
      }
    }
    tick();
  }

  function reopen(entry: Known, found: CastFound): void {
    entry.device?.close();
    Object.assign(entry, { found, device: null, nextTryMs: now() });
  }

  function makePlace(address: string): boolean {
    const same = [...known.values()].filter(({ found }) => found.address === address);
    if (same.length >= MAX_AT_ONE_ADDRESS) return false;
    if (known.size < MAX_KNOWN) return true;
    const away = [...known.values()].find(({ device, isOpening }) => device === null && !isOpening);
    return away !== undefined && known.delete(away.found.deviceId);
  }

  function tick(): void {
    if (closed) return;
    for (const entry of known.values()) {
      if (entry.device !== null || entry.isOpening) continue;
      if (now() - entry.missedAtMs > FORGET_MS) known.delete(entry.found.deviceId);
      else if (now() >= entry.nextTryMs && opening < MAX_OPENING) void open(entry);
    }
  }

  async function open(entry: Known): Promise<void> {
    entry.isOpening = true;
    opening++;
    try {
      const connection = await openCastConnection(entry.found, now, () => lost(entry));
      const device = await openCastDevice(entry.found, connection, now, () => !closed && onChange());
      if (closed) return device.close();
      entry.device = device;
      log.info({ event: 'speaker-found', kind: 'cast', name: entry.found.name, model: entry.found.model });
      onChange();
    } catch {
      entry.nextTryMs = now() + (now() - entry.missedAtMs < LATER_MS ? AGAIN_MS : AGAIN_LATER_MS);
    } finally {
      entry.isOpening = false;
      opening--;
    }
  }

  function lost(entry: Known): void {
    if (closed || entry.device === null) return;
    log.info({ event: 'speaker-lost', kind: 'cast', name: entry.found.name });
    entry.device.close();
    Object.assign(entry, { device: null, missedAtMs: now(), nextTryMs: now() + TICK_MS });
    onChange();
  }

  const browser = createMdnsBrowser({ ...options, service: SERVICE, onChange: look });
  const ticking = setInterval(tick, TICK_MS);

  function reach(id: string, deed: (device: CastDevice) => Promise<void>): Promise<void> {
    return withinDeed(async () => {
      if (closed) throw new SpeakerError(SHUTTING_DOWN);
      const entry = [...known.values()].find(({ device }) => device?.speaker.id === id);
      if (entry?.device == null) throw new SpeakerError(OUT_OF_REACH);
      await deed(entry.device);
    });
  }

  return {
    kind: 'cast',
    speakers() {
      const devices = [...known.values()].filter(({ device }) => device !== null).slice(0, MAX_SPEAKERS);
      return devices.map(({ found, device }) => {
        const groups = devices.filter((other) => other.device?.members.includes(found.deviceId));
        const speaker = device!.speaker;
        return groups.length === 0
          ? speaker
          : {
              ...speaker,
              group: groups
                .map((group) => group.found.name)
                .join(', ')
                .slice(0, 200),
            };
      });
    },
    play: (id, order) => reach(id, (device) => device.play(order)),
    stop: (id) => reach(id, (device) => device.stop()),
    setVolume: (id, volume) => reach(id, (device) => device.setVolume(volume)),
    setMuted: (id, muted) => reach(id, (device) => device.setMuted(muted)),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(ticking);
      browser.close();
      for (const { device } of known.values()) device?.close();
    },
  };
}
