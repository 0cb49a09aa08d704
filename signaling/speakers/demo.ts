/**
 * The driver that a new driver starts from: speakers that exist in this process only, with a door for the person who stands in
 * front of them. It documents the port by doing what each method promises, and is what the parts above it are tested with.
 */
import {
  type DriverOptions,
  type DriverSpeaker,
  SpeakerError,
  type SpeakerDriver,
  type StreamOrder,
} from './port.ts';

/** The demo's other side: what somebody does at the device itself. */
export interface DemoDevice {
  /** What is loaded, and how it goes. */
  readonly state: DriverSpeaker['state'];
  readonly url: string | null;
  readonly volume: number;
  readonly muted: boolean;
  readonly delayMs: number;
  /** What it was told to say, in order. */
  readonly said: readonly string[];
  /** How often it was told to play: what plays and is told again is interrupted. */
  readonly plays: number;
  /** Its own buttons. */
  press(button: 'stop' | 'play' | 'mute'): void;
  /** Another app gives it something else. */
  give(url: string): void;
  turn(volume: number): void;
  /** What it says is at its end; `returns`: it goes back to what it played, as it should. */
  endSaying(returns: boolean): void;
  unplug(): void;
  /** As after a reboot: it has forgotten what it played. */
  plugIn(): void;
  /** From now on it refuses to play with these words; null: no longer. */
  refuse(words: string | null): void;
  /** From now on it takes what it is told and stays in `buffering`; false: goes on. */
  stall(on: boolean): void;
}

export interface DemoDriver extends SpeakerDriver {
  device(name: string): DemoDevice;
  /** From now on these play as one. */
  gather(names: readonly string[]): void;
}

interface Unit {
  speaker: DriverSpeaker;
  isThere: boolean;
  refusal: string | null;
  isStalled: boolean;
  plays: number;
  said: string[];
  /** While it says something: what it played. */
  before: Pick<DriverSpeaker, 'state' | 'url' | 'title'> | null;
}

const UNTOUCHED = { isThere: true, refusal: null, isStalled: false, plays: 0, before: null };

/** `names`: one speaker each; a name stands once. */
export function createDemoDriver(
  names: readonly string[],
  { onChange }: Pick<DriverOptions, 'onChange'>,
): DemoDriver {
  let closed = false;
  const units = new Map<string, Unit>(
    names.map((name) => {
      const id = `demo:${encodeURIComponent(name).replaceAll('%', '.').slice(0, 47)}`;
      const speaker: DriverSpeaker = {
        id,
        name,
        model: 'Demo speaker',
        area: null,
        group: null,
        ensemble: null,
        // What is false here is never called, and its method may be left out.
        can: { volume: true, mute: true, delay: true, announce: true },
        state: 'idle',
        url: null,
        title: null,
        volume: 0.3,
        muted: false,
        delayMs: 0,
        error: null,
        address: null,
        // There is no device that anybody else could see.
        marks: { host: null, keys: [] },
      };
      return [id, { ...UNTOUCHED, speaker, said: [] }];
    }),
  );

  /** Every change goes this way: a new object, then one call. Nothing is told after `close()`. */
  function change(unit: Unit, changes: Partial<DriverSpeaker>): void {
    unit.speaker = { ...unit.speaker, ...changes };
    if (!closed && unit.isThere) onChange();
  }

  /** What every method begins with: a real driver would also time out and translate the device's own errors here. */
  async function reach(id: string): Promise<Unit> {
    // As across a network: never before the caller has gone on.
    await Promise.resolve();
    const unit = units.get(id);
    if (closed) throw new SpeakerError('The node is shutting down.');
    if (unit === undefined || !unit.isThere) throw new SpeakerError('This speaker is out of reach.');
    return unit;
  }

  /** What one of them is told to play or to stop, all of them do. */
  function ensembleOf(unit: Unit): Unit[] {
    const id = unit.speaker.ensemble?.id;
    return id === undefined
      ? [unit]
      : [...units.values()].filter(({ speaker }) => speaker.ensemble?.id === id);
  }

  function begin(unit: Unit, url: string, title: string | null): void {
    unit.plays++;
    change(unit, { state: 'buffering', url, title, error: null });
    if (!unit.isStalled) change(unit, { state: 'playing' });
  }

  return {
    kind: 'demo',

    // Cheap: it is read at each change. Speakers that are away are left out, not marked.
    speakers: () => [...units.values()].filter((unit) => unit.isThere).map((unit) => unit.speaker),

    // The order's address depends on the link: a driver that knows through which it reaches the device passes its own end.
    async play(id, order: StreamOrder) {
      const unit = await reach(id);
      if (unit.refusal !== null) {
        change(unit, { state: 'error', url: null, title: null, error: unit.refusal });
        throw new SpeakerError(unit.refusal);
      }
      for (const one of ensembleOf(unit)) begin(one, order.url(null), order.title);
    },

    // Devices that complain when nothing plays are silenced here, not by the caller.
    async stop(id) {
      const unit = await reach(id);
      for (const one of ensembleOf(unit))
        if (one.speaker.state !== 'idle') change(one, { state: 'stopped', error: null });
    },

    // Sets what the device shows, and observes it: the answer alone would not tell what the device made of it.
    async setVolume(id, volume) {
      change(await reach(id), { volume });
    },

    async setMuted(id, muted) {
      change(await reach(id), { muted });
    },

    async setDelay(id, delayMs) {
      change(await reach(id), { delayMs });
    },

    // Resolves as soon as it has begun. Where a device does not return by itself, the driver brings it back.
    async announce(id, announcement) {
      const unit = await reach(id);
      if (unit.refusal !== null) throw new SpeakerError(unit.refusal);
      unit.said.push(announcement.url(null));
      for (const one of ensembleOf(unit)) {
        const { state, url, title } = one.speaker;
        one.before ??= { state, url, title };
        change(one, { state: 'playing', url: announcement.url(null), title: null });
      }
    },

    async close() {
      closed = true;
    },

    gather(names) {
      const members = [...units.values()].filter(({ speaker }) => names.includes(speaker.name));
      for (const unit of members) {
        const others = names.filter((name) => name !== unit.speaker.name);
        change(unit, { group: others.join(', '), ensemble: { id: `demo:${names.join('+')}`, isOne: true } });
      }
    },

    device(name) {
      const unit = [...units.values()].find((one) => one.speaker.name === name);
      if (unit === undefined) throw new RangeError(`there is no demo speaker ${name}`);
      return {
        get state() {
          return unit.speaker.state;
        },
        get url() {
          return unit.speaker.url;
        },
        get volume() {
          return unit.speaker.volume ?? 0;
        },
        get muted() {
          return unit.speaker.muted ?? false;
        },
        get delayMs() {
          return unit.speaker.delayMs ?? 0;
        },
        get said() {
          return unit.said;
        },
        get plays() {
          return unit.plays;
        },
        press(button) {
          if (button === 'mute') return change(unit, { muted: unit.speaker.muted !== true });
          if (unit.speaker.url === null) return;
          change(unit, { state: button === 'play' ? 'playing' : 'stopped' });
        },
        give: (url) => begin(unit, url, url),
        turn: (volume) => change(unit, { volume }),
        endSaying(returns) {
          for (const one of ensembleOf(unit)) {
            change(one, returns && one.before !== null ? one.before : { state: 'stopped' });
            one.before = null;
          }
        },
        unplug() {
          unit.isThere = false;
          if (!closed) onChange();
        },
        plugIn() {
          unit.isThere = true;
          change(unit, { state: 'idle', url: null, title: null, error: null });
        },
        refuse: (words) => void (unit.refusal = words),
        stall(on) {
          unit.isStalled = on;
          if (!on && unit.speaker.state === 'buffering') change(unit, { state: 'playing' });
        },
      };
    },
  };
}
