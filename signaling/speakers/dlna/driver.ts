/** DLNA and UPnP AV renderers: radios, receivers, televisions, and what else plays what it is told by a controller. */
import { MAX_SPEAKERS } from '../../protocol/speakers.ts';
import { type DriverOptions, SpeakerError, type SpeakerDriver } from '../port.ts';
import { OUT_OF_REACH, SHUTTING_DOWN, withinDeed } from '../within.ts';
import { describe, type Description } from './description.ts';
import { createEvents } from './events.ts';
import { openRenderer, type Renderer } from './renderer.ts';
import { createSsdp, type Sighting } from './ssdp.ts';

/** Those that are there, and those that were: a cable that is put back is told by nobody. */
const MAX_KNOWN = 2 * MAX_SPEAKERS;
/** So that one machine that invents devices does not take the place of real ones. */
const MAX_AT_ONE_ADDRESS = 16;
const MAX_OPENING = 4;
const TICK_MS = 1_000;
/** One that was there is tried this often, later less so, and forgotten after a day. */
const MISSED_EVERY_MS = 3_000;
const MISSED_SOON_MS = 600_000;
const MISSED_LATER_EVERY_MS = 60_000;
const FORGET_MS = 86_400_000;
/** One that was only announced may still be starting. */
const NEW_EVERY_MS = 5_000;
const NEW_TRIES = 6;

interface Known {
  udn: string;
  location: string;
  renderer: Renderer | null;
  isOpening: boolean;
  isPassedOver: boolean;
  /** Since it was there last; null: it never was. */
  missedAtMs: number | null;
  tries: number;
  nextTryMs: number;
}

export interface DlnaOptions extends DriverOptions {
  /** Devices that another driver does better: passed over here. */
  isPassedOver?: (description: Description) => boolean;
}

export function createDlnaDriver(options: DlnaOptions): SpeakerDriver {
  const { onChange, now, counters, log, isPassedOver = () => false } = options;
  const known = new Map<string, Known>();
  const events = createEvents(counters);
  let opening = 0;
  let closed = false;

  function seen({ udn, location }: Sighting): void {
    const entry = known.get(udn);
    if (entry === undefined) {
      if (!makePlace(location)) return counters.count('ssdp', 'too-many');
      const fresh = { renderer: null, isOpening: false, isPassedOver: false, missedAtMs: null };
      known.set(udn, { udn, location, ...fresh, tries: 0, nextTryMs: now() });
      return tick();
    }
    // Somebody else may say so; what answers stays, what does not is found at its new address.
    if (entry.renderer !== null && entry.location !== location) entry.renderer.look();
    if (entry.renderer === null) {
      if (entry.location !== location) entry.nextTryMs = now();
      entry.location = location;
      entry.nextTryMs = Math.min(entry.nextTryMs, now() + TICK_MS);
      tick();
    }
  }

  function makePlace(location: string): boolean {
    const host = new URL(location).hostname;
    const same = [...known.values()].filter((entry) => new URL(entry.location).hostname === host);
    if (same.length >= MAX_AT_ONE_ADDRESS) return false;
    if (known.size < MAX_KNOWN) return true;
    const away = [...known.values()].find((entry) => entry.renderer === null && !entry.isOpening);
    return away !== undefined && known.delete(away.udn);
  }

  function tick(): void {
    const nowMs = now();
    for (const entry of known.values()) {
      if (entry.renderer !== null || entry.isOpening || entry.isPassedOver) continue;
      const isForgotten =
        entry.missedAtMs === null ? entry.tries >= NEW_TRIES : nowMs - entry.missedAtMs > FORGET_MS;
      if (isForgotten) known.delete(entry.udn);
      else if (nowMs >= entry.nextTryMs && opening < MAX_OPENING) void open(entry);
    }
  }

  async function open(entry: Known): Promise<void> {
    entry.isOpening = true;
    opening++;
    try {
      const description = await describe(entry.location);
      if (description.udn !== entry.udn) throw new Error('another device');
      if (isPassedOver(description)) {
        entry.isPassedOver = true;
        return;
      }
      const renderer = await openRenderer({
        description,
        events,
        now,
        onChange: () => !closed && onChange(),
        onLost: () => lost(entry),
      });
      if (closed) return renderer.close(true);
      entry.renderer = renderer;
      entry.missedAtMs = now();
      entry.tries = 0;
      log.info({ event: 'speaker-found', kind: 'dlna', name: description.name, model: description.model });
      onChange();
    } catch {
      entry.tries++;
      entry.nextTryMs = now() + pauseMs(entry);
    } finally {
      entry.isOpening = false;
      opening--;
    }
  }

  function pauseMs({ missedAtMs, tries }: Known): number {
    if (missedAtMs === null) return NEW_EVERY_MS * tries;
    return now() - missedAtMs < MISSED_SOON_MS ? MISSED_EVERY_MS : MISSED_LATER_EVERY_MS;
  }

  function lost(entry: Known): void {
    if (closed) return;
    log.info({ event: 'speaker-lost', kind: 'dlna', name: entry.renderer?.speaker.name });
    entry.renderer = null;
    entry.missedAtMs = now();
    entry.nextTryMs = now();
    onChange();
    tick();
  }

  const ssdp = createSsdp({
    ...options,
    onSeen: seen,
    onBye: (udn) => known.get(udn)?.renderer?.look(),
  });
  const ticking = setInterval(tick, TICK_MS);

  async function reach(id: string, deed: (renderer: Renderer) => Promise<void>): Promise<void> {
    const found = [...known.values()].find(({ renderer }) => renderer?.speaker.id === id)?.renderer;
    if (closed || found == null) throw new SpeakerError(closed ? SHUTTING_DOWN : OUT_OF_REACH);
    await withinDeed(() => deed(found));
  }

  return {
    kind: 'dlna',
    speakers: () =>
      [...known.values()].flatMap(({ renderer }) => renderer?.speaker ?? []).slice(0, MAX_SPEAKERS),
    play: (id, order) => reach(id, (renderer) => renderer.play(order)),
    stop: (id) => reach(id, (renderer) => renderer.stop()),
    setVolume: (id, volume) => reach(id, (renderer) => renderer.setVolume(volume)),
    setMuted: (id, muted) => reach(id, (renderer) => renderer.setMuted(muted)),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(ticking);
      ssdp.close();
      for (const { renderer } of known.values()) renderer?.close(true);
      await events.close();
    },
  };
}
