/**
 * What is done with rooms now and then: replacing a link, telling those who come late that it was, leaving. Loaded when it
 * is first needed.
 */
import { createCaretaker, type Caretaker } from './caretaker.ts';
import { deleteDocument, deleteTracks, storedTracks, tracksOf } from './forget.ts';
import type { OpenRoom } from './room.ts';
import type { Entering, RoomsRootOptions } from './rooms.ts';
import { formerLinks } from './state/kept.ts';
import type { Losses } from './state/model.ts';
import { readNodeInfo } from './state/node.ts';
import type { Rooms } from './state/rooms.svelte.ts';

/** How long the members have to answer before the old link is shut. */
const ANSWER_MS = 4_000;
/** For how long this device tells those who come late that it replaced a room's link. */
const CARE_MS = 30 * 86_400_000;

export interface RoomChangesOptions extends Pick<RoomsRootOptions, 'kept' | 'notices' | 'newId' | 'stage'> {
  model: Rooms;
  newSecret: () => string;
  current: () => OpenRoom | null;
  shut(): Promise<void>;
  enter(secret: string, entering?: Entering): Promise<void>;
  /** What is kept of the room goes over to its new secret. */
  renamed(from: string, to: string, replacedAtMs: number | null): void;
}

export interface RoomChanges {
  lossesOf(secret: string): Promise<Losses>;
  leave(secret: string): Promise<void>;
  replaceLink(peerIds: readonly string[]): Promise<void>;
  /** Takes care of the former places of rooms whose link this device replaced. */
  careForMoved(): Promise<void>;
  deleteDocument(secret: string): Promise<void>;
}

export function createRoomChanges(options: RoomChangesOptions): RoomChanges {
  const { kept, notices, newId, newSecret, current, shut, enter, renamed, stage, model } = options;
  const caretakers = new Map<string, Caretaker | null>();

  /** Tracks of a room on this device that no other room here uses. */
  async function ownTracksOf(secret: string): Promise<ReadonlySet<string>> {
    const open = current();
    const read = (of: string): Promise<ReadonlySet<string>> =>
      of === open?.secret ? Promise.resolve(new Set(open.queries.tracks().keys())) : tracksOf(of);
    const others = kept.read().rooms.filter((room) => room.secret !== secret && room.replacedBy === null);
    const elsewhere = await Promise.all(others.map((room) => read(room.secret)));
    return new Set([...(await read(secret))].filter((id) => !elsewhere.some((ids) => ids.has(id))));
  }

  /** What this device keeps of the places that the room was in before its link was replaced. */
  async function forgetFormer(secret: string): Promise<void> {
    for (const former of formerLinks(kept.read().rooms, secret)) {
      caretakers.get(former)?.close();
      caretakers.delete(former);
      kept.forgetRoom(former);
      await deleteDocument(former);
    }
  }

  async function leaveCurrent(secret: string): Promise<void> {
    const own = await ownTracksOf(secret);
    await shut();
    await deleteDocument(secret);
    await deleteTracks(own);
    await forgetFormer(secret);
    kept.forgetRoom(secret);
    model.refresh(null);
    const [next] = model.list;
    history.replaceState(null, '', next ? `#${next.id}` : location.pathname);
    if (next) await enter(next.id);
    else stage.fail('no-room', 'You left the room. This device knows no other.');
  }

  async function leaveOther(secret: string): Promise<void> {
    const own = await ownTracksOf(secret);
    const open = current();
    if (open) for (const id of own) await open.library.remove(id);
    else await deleteTracks(own);
    await deleteDocument(secret);
    await forgetFormer(secret);
    kept.forgetRoom(secret);
    model.refresh(open?.secret ?? null);
    if (open !== null || location.hash !== `#${secret}`) return;
    history.replaceState(null, '', location.pathname);
    stage.fail('no-room', 'That room is forgotten here.');
  }

  return {
    deleteDocument: (secret) => deleteDocument(secret).catch(() => undefined),
    leave: (secret) => (secret === current()?.secret ? leaveCurrent(secret) : leaveOther(secret)),

    async lossesOf(secret) {
      const own = await ownTracksOf(secret);
      const open = current();
      const held: ReadonlyMap<string, number> = open
        ? new Map([...open.library.holdings().values()].map((one) => [one.trackId, one.heldBytes]))
        : await storedTracks();
      const going = [...own].filter((id) => held.has(id));
      return {
        songs: going.length,
        bytes: going.reduce((sum, id) => sum + (held.get(id) ?? 0), 0),
        onlyHere:
          secret === open?.secret ? going.filter((id) => open.library.holders(id) === 0).length : null,
      };
    },

    async replaceLink(peerIds) {
      const open = current();
      if (open === null) return;
      const from = open.secret;
      const to = newSecret();
      const names = new Map(open.parts.people.here.map(({ peerId, name }) => [peerId, name]));
      const hosting = open.isHosting;
      // Kept first: should this page die on the way, its owner finds again those who went already.
      kept.updateRoom(to, { name: open.queries.room().name, made: true, lastSeenMs: Date.now() });
      const missed = await open.tell(peerIds, to, ANSWER_MS);
      // Packed last: what was edited while the answers came goes along.
      const entering = { packed: open.pack(), hosting };
      open.markMoved();
      await shut();
      renamed(from, to, Date.now());
      await enter(to, entering);
      if (missed.length === 0) {
        notices.info('The room has a new link. The old one leads nowhere any more.');
        return;
      }
      const who = missed.map((peerId) => names.get(peerId) ?? 'somebody').join(', ');
      notices.problem(`The room has a new link. Not everybody answered; show the new code to: ${who}.`);
    },

    async careForMoved() {
      for (const { secret, replacedAtMs } of kept.read().rooms) {
        if (replacedAtMs === null || caretakers.has(secret)) continue;
        if (Date.now() - replacedAtMs > CARE_MS) {
          kept.updateRoom(secret, { replacedAtMs: null });
          await deleteDocument(secret).catch(() => undefined);
          continue;
        }
        caretakers.set(secret, null);
        const stunPort = readNodeInfo(kept.read().nodeInfo)?.stunPort ?? null;
        // Without it those who come late learn less; nothing else depends on it.
        const caretaker = await createCaretaker({ secret, stunPort, selfId: newId() }).catch(() => null);
        // Meanwhile the room may have been left.
        if (!caretakers.has(secret)) caretaker?.close();
        else if (caretaker) caretakers.set(secret, caretaker);
        else caretakers.delete(secret);
      }
    },
  };
}
