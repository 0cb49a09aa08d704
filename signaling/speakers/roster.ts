/**
 * Who is known of one kind of device: heard of, opened, missed, tried again, and forgotten in the end. A device that is put back is
 * told of late, or by nobody, so those that were there are tried for a day.
 */
import { MAX_SPEAKERS, type SpeakerKind } from '../protocol/speakers.ts';
import { type DriverOptions, SpeakerError } from './port.ts';
import { OUT_OF_REACH, SHUTTING_DOWN, withinDeed } from './within.ts';

/** Those that are there, and those that were. */
const MAX_KNOWN = 2 * MAX_SPEAKERS;
/** So that one machine that invents devices does not take the place of real ones. */
const MAX_AT_ONE_HOST = 16;
const MAX_OPENING = 4;
const TICK_MS = 1_000;
/** One that was there is tried this often, later less so, and forgotten after a day. */
const AGAIN_MS = 3_000;
const LATER_MS = 600_000;
const AGAIN_LATER_MS = 60_000;
const FORGET_MS = 86_400_000;

/** `F`: what the LAN says of it. `D`: the device, opened. */
export interface Member<F, D> {
  readonly key: string;
  found: F;
  /** Null: it is not there now. */
  readonly device: D | null;
}

export interface Roster<F, D> {
  get(key: string): Member<F, D> | undefined;
  all(): readonly Member<F, D>[];
  /** Those that are there now, at most `MAX_SPEAKERS`. */
  there(): readonly (Member<F, D> & { readonly device: D })[];
  /** Heard of it. One that is there stays as it is; one that is not is looked for where it is said to be. */
  meet(key: string, found: F): void;
  /** It has just said something: it is there, or about to be. */
  soon(key: string): void;
  /** Lets go of a device that is there, and looks for it where it is said to be now. */
  reopen(key: string): void;
  /** For the driver's deeds: within their time, with a SpeakerError for who is not there. */
  reach(id: string, deed: (device: D, member: Member<F, D>) => Promise<void>): Promise<void>;
  close(): void;
}

export interface RosterOptions<F, D> extends Pick<DriverOptions, 'now' | 'counters' | 'log'> {
  kind: SpeakerKind;
  /** Null: it is none of this driver's. Rejects when there is nobody. */
  open(found: F, onLost: () => void): Promise<D | null>;
  /** @param leave false: it is gone already */
  shut(device: D, leave: boolean): void;
  hostOf(found: F): string;
  about(device: D, found: F): { id: string; name: string; model: string | null };
  onChange(): void;
  /** Each second. */
  onTick?(): void;
}

interface Entry<F, D> {
  key: string;
  found: F;
  device: D | null;
  isOpening: boolean;
  isPassedOver: boolean;
  /** Failed ones since it was there, or since it was heard of. */
  tries: number;
  wasThere: boolean;
  /** Since it was there last, or was heard of first. */
  missedAtMs: number;
  nextTryMs: number;
}

export function createRoster<F, D>(options: RosterOptions<F, D>): Roster<F, D> {
  const { kind, open, shut, hostOf, about, onChange, onTick, now, counters, log } = options;
  const entries = new Map<string, Entry<F, D>>();
  let opening = 0;
  let closed = false;

  function makePlace(host: string): boolean {
    const same = [...entries.values()].filter(({ found }) => hostOf(found) === host);
    if (same.length >= MAX_AT_ONE_HOST) return false;
    if (entries.size < MAX_KNOWN) return true;
    const away = [...entries.values()].find(({ device, isOpening }) => device === null && !isOpening);
    return away !== undefined && entries.delete(away.key);
  }

  function pauseMs({ wasThere, tries, missedAtMs }: Entry<F, D>): number {
    if (!wasThere) return Math.min(AGAIN_LATER_MS, AGAIN_MS * tries);
    return now() - missedAtMs < LATER_MS ? AGAIN_MS : AGAIN_LATER_MS;
  }

  function tick(): void {
    if (closed) return;
    for (const entry of entries.values()) {
      if (entry.device !== null || entry.isOpening || entry.isPassedOver) continue;
      if (now() - entry.missedAtMs > FORGET_MS) entries.delete(entry.key);
      else if (now() >= entry.nextTryMs && opening < MAX_OPENING) void tryOpen(entry);
    }
  }

  async function tryOpen(entry: Entry<F, D>): Promise<void> {
    entry.isOpening = true;
    opening++;
    const { found } = entry;
    try {
      let opened: D | null = null;
      const device = await open(found, () => opened !== null && lost(entry, opened));
      opened = device;
      if (device === null) {
        entry.isPassedOver = true;
        return;
      }
      if (closed || entries.get(entry.key) !== entry) return shut(device, true);
      Object.assign(entry, { device, tries: 0, wasThere: true });
      const { name, model } = about(device, entry.found);
      log.info({ event: 'speaker-found', kind, name, model });
      onChange();
    } catch {
      entry.tries++;
      entry.nextTryMs = now() + pauseMs(entry);
    } finally {
      entry.isOpening = false;
      opening--;
    }
  }

  function lost(entry: Entry<F, D>, device: D): void {
    if (closed || entry.device !== device) return;
    log.info({ event: 'speaker-lost', kind, name: about(device, entry.found).name });
    shut(device, false);
    Object.assign(entry, { device: null, missedAtMs: now(), nextTryMs: now() + TICK_MS });
    onChange();
  }

  const ticking = setInterval(() => {
    onTick?.();
    tick();
  }, TICK_MS);

  return {
    get: (key) => entries.get(key),
    all: () => [...entries.values()],
    there: () =>
      [...entries.values()]
        .flatMap((entry) => (entry.device === null ? [] : [{ ...entry, device: entry.device }]))
        .slice(0, MAX_SPEAKERS),
    meet(key, found) {
      if (closed) return;
      const entry = entries.get(key);
      if (entry === undefined) {
        if (!makePlace(hostOf(found))) return counters.count(kind, 'too-many');
        const fresh = { device: null, isOpening: false, isPassedOver: false, tries: 0, wasThere: false };
        entries.set(key, { key, found, ...fresh, missedAtMs: now(), nextTryMs: now() });
        return tick();
      }
      if (entry.device !== null || JSON.stringify(entry.found) === JSON.stringify(found)) return;
      Object.assign(entry, { found, nextTryMs: now() });
      tick();
    },
    soon(key) {
      const entry = entries.get(key);
      if (entry !== undefined) entry.nextTryMs = Math.min(entry.nextTryMs, now() + TICK_MS);
    },
    reopen(key) {
      const entry = entries.get(key);
      if (entry?.device == null || closed) return;
      const { device } = entry;
      Object.assign(entry, { device: null, missedAtMs: now(), nextTryMs: now() });
      shut(device, true);
      onChange();
      tick();
    },
    reach: (id, deed) =>
      withinDeed(async () => {
        if (closed) throw new SpeakerError(SHUTTING_DOWN);
        const entry = [...entries.values()].find(
          ({ device, found }) => device !== null && about(device, found).id === id,
        );
        if (entry?.device == null) throw new SpeakerError(OUT_OF_REACH);
        await deed(entry.device, entry);
      }),
    close() {
      if (closed) return;
      closed = true;
      clearInterval(ticking);
      for (const { device } of entries.values()) if (device !== null) shut(device, true);
    },
  };
}
