/**
 * How one device that answers questions is looked at: often just after it was told something, seldom while it tells of changes by
 * itself, and not at all once it has gone. What it is asked is the vendor's business.
 */
import type { Subscription } from './dlna/events.ts';
import type { DriverSpeaker } from './port.ts';

/** When it tells of changes by itself, when it does not, and just after it was told something. */
const LOOK_MS = 8_000;
const LOOK_WITHOUT_EVENTS_MS = 2_000;
const LOOK_BUSY_MS = 500;
const BUSY_MS = 8_000;
/** So that a device that tells of changes all the time is not asked all the time. */
const LEAST_LOOK_MS = 100;
const AFTER_FAILURE_MS = 1_000;
/** So many looks in a row that fail, and it is gone. */
const GONE_AFTER = 3;
/** Anybody may say that a device is elsewhere: it is not asked who it is more often than this. */
const DOUBT_EVERY_MS = 5_000;

export interface Looking<S> {
  /** What was seen last. */
  readonly seen: S;
  /** Soon: something may have changed. */
  look(): void;
  /** Until `seen` is how it is now. Rejects when it does not answer. */
  lookAgain(): Promise<void>;
  /** Soon, and first whether it still is who it was: somebody says that it is elsewhere. */
  doubt(): void;
  /** Tells it something, and looks what comes of it. */
  told(work: () => Promise<unknown>): Promise<void>;
  /** @param leave takes back what was asked of the device: events */
  close(leave: boolean): void;
}

export interface LookingOptions<S> {
  first: S;
  /** Rejects when it does not answer. */
  observe(): Promise<S>;
  /** Whether what answers there is still the same device. Rejects when it does not answer. */
  isSame(): Promise<boolean>;
  subscribe(look: () => void): readonly Subscription[];
  now: () => number;
  onChange(): void;
  /** It answers no longer, has restarted, or is another one. Told once, after which nothing else is. */
  onLost(): void;
}

export function createLooking<S extends Pick<DriverSpeaker, 'state'>>(
  options: LookingOptions<S>,
): Looking<S> {
  const { observe, isSame, now, onChange, onLost } = options;
  let seen = options.first;
  let failures = 0;
  let isLooking = false;
  let isAsked = false;
  let isDoubted = false;
  let doubtedAtMs = -Infinity;
  let closed = false;
  let busyUntilMs = 0;
  let timer: NodeJS.Timeout | null = null;
  const subscriptions = options.subscribe(look);

  function pauseMs(): number {
    if (failures > 0) return AFTER_FAILURE_MS;
    if (isAsked) return LEAST_LOOK_MS;
    if (now() < busyUntilMs) return LOOK_BUSY_MS;
    const tells = subscriptions.length > 0 && subscriptions.every(({ works }) => works);
    return tells ? LOOK_MS : LOOK_WITHOUT_EVENTS_MS;
  }

  function after(ms: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => void lookNow(), ms);
  }

  function look(): void {
    if (closed) return;
    // Asked once already, it is on its way: who asks all the time must not put it off for ever.
    if (!isLooking && !isAsked) after(LEAST_LOOK_MS);
    isAsked = true;
  }

  /** It has fallen silent by itself: somebody's hand, or a restart so short that nothing else of it was noticed? */
  async function hasRestarted(next: S): Promise<boolean> {
    if (seen.state !== 'playing' || next.state === 'playing' || next.state === 'buffering') return false;
    const known = await Promise.all(subscriptions.map((subscription) => subscription.check()));
    return known.includes(false);
  }

  async function lookNow(): Promise<void> {
    isLooking = true;
    isAsked = false;
    const mustTell = isDoubted;
    isDoubted = false;
    try {
      const isOther = mustTell && !(await isSame());
      const next = isOther ? seen : await observe();
      const isNew = isOther || (await hasRestarted(next));
      failures = 0;
      if (closed) return;
      if (isNew) return lose();
      if (JSON.stringify(next) === JSON.stringify(seen)) return;
      seen = next;
      onChange();
    } catch {
      failures++;
      if (!closed && failures >= GONE_AFTER) lose();
    } finally {
      isLooking = false;
      if (!closed) after(pauseMs());
    }
  }

  function close(leave: boolean): void {
    if (closed) return;
    closed = true;
    if (timer !== null) clearTimeout(timer);
    for (const subscription of subscriptions) subscription.close(leave);
  }

  function lose(): void {
    close(false);
    onLost();
  }

  after(pauseMs());
  return {
    get seen() {
      return seen;
    },
    look,
    async lookAgain() {
      const next = await observe();
      if (!closed) seen = next;
    },
    doubt() {
      if (now() - doubtedAtMs < DOUBT_EVERY_MS) return;
      doubtedAtMs = now();
      isDoubted = true;
      look();
    },
    async told(work) {
      try {
        await work();
      } finally {
        busyUntilMs = now() + BUSY_MS;
        look();
      }
    },
    close,
  };
}
