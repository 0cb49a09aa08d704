/**
 * The composition root's third part: which of this device's rooms is open. Rooms are changed in place, so that the page
 * keeps the right to sound; one change at a time.
 */
import { tick } from 'svelte';
import { base64url } from '../signaling/protocol/secret.ts';
import type { RoomChanges } from './room-changes.ts';
import { openRoom, type OpenRoom } from './room.ts';
import type { RoomParts } from './state/app.svelte.ts';
import type { Device } from './state/device.svelte.ts';
import { entryFrom } from './state/entry.ts';
import type { KeptStore } from './state/kept.ts';
import { readNodeInfo } from './state/node.ts';
import type { Notices } from './state/notices.svelte.ts';
import { Rooms } from './state/rooms.svelte.ts';
import type { AudioSession } from './voice/audio-session.ts';

/** Key in the tab's own storage: the room that this tab hosted before it was reloaded. */
const HOSTING = 'earshot.hosting';

export interface RoomsRootOptions {
  audioSession: AudioSession;
  kept: KeptStore;
  /** `sessionStorage`, or null where the browser forbids it. */
  tab: Storage | null;
  /** Another tab of this browser plays the room. */
  soundsElsewhere: () => Promise<boolean>;
  notices: Notices;
  device: Device;
  newId: () => string;
  stage: {
    open(parts: RoomParts, isNamed: boolean): void;
    named(): void;
    shut(): void;
    fail(stage: 'no-room' | 'moved', problem: string): void;
  };
}

export interface RoomsRoot {
  readonly model: Rooms;
  current(): OpenRoom | null;
  /** Opens the room of the address, or the one this device was in last; from now on follows the address. */
  start(): void;
}

export interface Entering {
  packed?: Uint8Array;
  hosting?: boolean;
}

export function createRooms({
  audioSession,
  kept,
  tab,
  soundsElsewhere,
  notices,
  device,
  newId,
  stage,
}: RoomsRootOptions): RoomsRoot {
  let open: OpenRoom | null = null;
  /** The owner's own device goes over by itself. */
  let replacing = false;
  let hasFollowed = false;
  let changes: Promise<unknown> = Promise.resolve();
  const newSecret = (): string => base64url(crypto.getRandomValues(new Uint8Array(16)));
  const localNowMs = (): number => performance.timeOrigin + performance.now();

  let rare: Promise<RoomChanges> | null = null;
  /** What is seldom done is loaded when it is. */
  function changesToRooms(): Promise<RoomChanges> {
    rare ??= import('./room-changes.ts').then(({ createRoomChanges }) =>
      createRoomChanges({
        kept,
        notices,
        newId,
        newSecret,
        current: () => open,
        shut,
        enter,
        renamed,
        stage,
        model,
      }),
    );
    // Out of reach once is not out of reach for ever.
    rare.catch(() => (rare = null));
    return rare;
  }

  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = changes.then(change);
    changes = done.catch(() => undefined);
    return done;
  }

  async function shut(): Promise<void> {
    const closing = open;
    open = null;
    model.refresh(null);
    stage.shut();
    // The screens of the old room are gone before its parts are.
    await tick();
    closing?.close();
  }

  async function enter(secret: string, { packed, hosting = false }: Entering = {}): Promise<void> {
    await shut();
    kept.update({ secret });
    kept.updateRoom(secret, { lastSeenMs: Date.now() });
    const room = await openRoom({
      audioSession,
      secret,
      kept,
      notices,
      device,
      newId,
      localNowMs,
      packed: packed ?? null,
      onNamed: () => stage.named(),
      onRoom: () => onRoom(secret),
      onCome: (next) => void inTurn(() => come(secret, next)),
      onUpdate: () => device.applyUpdate(),
      onOffer: (offering) => (offering ? tab?.setItem(HOSTING, secret) : tab?.removeItem(HOSTING)),
    });
    open = room;
    stage.open(room.parts, room.isNamed);
    if (device.listening) room.setListening(true);
    if (hosting) room.startHosting();
    else
      void soundsElsewhere().then((taken) => {
        const listens = kept.read().listening && !device.listening && !taken;
        goOnAtTap(room, listens, tab?.getItem(HOSTING) === secret);
      });
    onRoom(secret);
    if (kept.read().rooms.some(({ replacedAtMs }) => replacedAtMs !== null))
      void changesToRooms().then((changes) => changes.careForMoved());
  }

  /** The room's own record changed: its name is remembered, and a room that has moved is left. */
  function onRoom(secret: string): void {
    if (open?.secret !== secret) return;
    const { name, moved } = open.queries.room();
    if (name !== '') kept.updateRoom(secret, { name });
    model.refresh(secret);
    if (moved === null || replacing) return;
    const by = open.queries.members().get(moved.by)?.name ?? 'its owner';
    void inTurn(async () => {
      // Meanwhile the owner may have asked this device to come along.
      if (open?.secret !== secret) return;
      await shut();
      stage.fail(
        'moved',
        `${name} has a new link, so this one leads nowhere any more. Ask ${by} for the new one.`,
      );
    });
  }

  /** Where a link leads that this device knows to have been replaced. */
  function latest(secret: string): string {
    const seen = new Set<string>();
    let at = secret;
    for (let next = kept.room(at)?.replacedBy; next && !seen.has(at); next = kept.room(at)?.replacedBy) {
      seen.add(at);
      at = next;
    }
    return at;
  }

  async function follow(): Promise<void> {
    const entry = entryFrom(location.hash, kept.read().secret);
    const isFirst = !hasFollowed;
    hasFollowed = true;
    if ('problem' in entry) {
      // Leaving a room empties the address, and browsers tell that later: what was said about it stands.
      if (!isFirst && open === null && location.hash === '') return;
      await shut();
      stage.fail('no-room', entry.problem);
      return;
    }
    const secret = latest(entry.secret);
    if (secret !== entry.secret) history.replaceState(history.state, '', `#${secret}`);
    if (secret !== open?.secret) await enter(secret);
  }

  function goTo(secret: string): void {
    if (isImporting()) return;
    if (location.hash === `#${secret}`) void inTurn(follow);
    else location.hash = secret;
  }

  function isImporting(): boolean {
    const importing = open?.parts.music.batch?.state === 'running';
    if (importing) notices.problem('Songs are still being added here. Wait until they are in, or stop it.');
    return importing;
  }

  /** What is known of the room goes over to its new secret. */
  function renamed(from: string, to: string, replacedAtMs: number | null): void {
    const { name = '', offsetMs = 0 } = kept.room(from) ?? {};
    kept.updateRoom(to, { name, offsetMs, made: true });
    kept.updateRoom(from, { replacedBy: to, replacedAtMs });
    history.replaceState(history.state, '', `#${to}`);
  }

  async function come(from: string, to: string): Promise<void> {
    if (open?.secret !== from) return;
    const entering = { packed: open.pack(), hosting: open.isHosting };
    const { name, owner } = open.queries.room();
    const by = open.queries.members().get(owner ?? '')?.name ?? 'The owner';
    const cutShort = open.parts.music.batch?.state === 'running';
    await shut();
    renamed(from, to, null);
    await enter(to, entering);
    // Another device or tab of the owner's own: one of them has to tell those who come late.
    if (owner !== kept.read().memberId) void changesToRooms().then((changes) => changes.deleteDocument(from));
    notices.info(`${by} gave ${name} a new link. You came along.`);
    if (cutShort) notices.problem('Adding songs was cut short by it: add the rest again.');
  }

  /**
   * Browsers let a page sound only after a tap: whoever listened or hosted before a reload goes on from the first one.
   * The tap's own button acts first, so that *Listen here* is not undone by being the tap.
   */
  function goOnAtTap(room: OpenRoom, listens: boolean, hosts: boolean): void {
    if (!listens && !hosts) return;
    if (hosts) notices.info('This device was the host before the page was loaded. Tap anywhere to go on.');
    const resume = (): void => {
      if (open !== room) return;
      if (listens) device.setListening(true);
      if (hosts && !room.isHosting) room.startHosting();
    };
    addEventListener('click', resume, { once: true });
  }

  const model = new Rooms({
    kept,
    joinUrl: () => readNodeInfo(kept.read().nodeInfo)?.joinUrl ?? `${location.origin}/`,
    canReplaceLink: () => open?.parts.people.me.role === 'owner',
    onOpen: goTo,
    onMake(name) {
      const secret = newSecret();
      if (isImporting()) return;
      kept.updateRoom(secret, { name, made: true, lastSeenMs: Date.now() });
      location.hash = secret;
    },
    lossesOf: async (secret) => (await changesToRooms()).lossesOf(secret),
    onLeave: (secret) => inTurn(async () => (await changesToRooms()).leave(secret)),
    onReplaceLink: (peerIds) =>
      inTurn(async () => {
        const changes = await changesToRooms();
        if (isImporting()) return;
        replacing = true;
        await changes.replaceLink(peerIds).finally(() => (replacing = false));
      }),
  });

  return {
    model,
    current: () => open,
    start() {
      addEventListener('hashchange', () => void inTurn(follow));
      void inTurn(follow);
    },
  };
}
