/** Peers of one room in one process: each with its own document, clock shared, chance seeded. */
import * as Y from 'yjs';
import { createCommands, type Commands } from '../../../app/session/commands.ts';
import { createQueries, type Queries } from '../../../app/session/queries.ts';
import type { Track } from '../../../app/session/schema.ts';
import { seeded } from '../../fixtures/seeded.ts';

export interface Peer {
  memberId: string;
  doc: Y.Doc;
  queries: Queries;
  commands: Commands;
  nowMs: () => number;
}

export interface TestClock {
  readonly nowMs: number;
}

export function createPeer(memberId: string, clock: TestClock, random = seeded(1), clientId?: number): Peer {
  const doc = new Y.Doc();
  if (clientId !== undefined) doc.clientID = clientId;
  const queries = createQueries(doc);
  let ids = 0;
  const commands = createCommands({
    doc,
    queries,
    actor: { memberId },
    nowMs: () => clock.nowMs,
    newId: () => `${memberId}-${String(++ids).padStart(4, '0')}`,
    random,
  });
  return { memberId, doc, queries, commands, nowMs: () => clock.nowMs };
}

/** Both ways, as after a partition; a listener may see it as one remote transaction. */
export function sync(a: Peer, b: Peer): void {
  Y.applyUpdate(b.doc, Y.encodeStateAsUpdate(a.doc, Y.encodeStateVector(b.doc)), 'mesh');
  Y.applyUpdate(a.doc, Y.encodeStateAsUpdate(b.doc, Y.encodeStateVector(a.doc)), 'mesh');
}

export function trackIdOf(name: number | string): string {
  return [...`track ${name}`]
    .map((letter) => letter.charCodeAt(0).toString(16))
    .join('')
    .padEnd(64, '0');
}

export function trackOf(durationMs: number, title = 'A song'): Omit<Track, 'by' | 'at'> {
  return { title, durationMs, mime: 'audio/mpeg', bytes: 1000, chunksId: 'c'.repeat(64) };
}

/** A peer whose room holds `durations.length` queued items; the first plays since `clock.nowMs`. */
export function playingRoom(
  durations: readonly number[],
  clock = { nowMs: 0 },
  memberId = 'ann',
): Peer & { items: string[]; clock: { nowMs: number } } {
  const peer = createPeer(memberId, clock);
  const items = durations.map((durationMs, i) => {
    peer.commands.addTrack(trackIdOf(i), trackOf(durationMs));
    const added = peer.commands.enqueue(trackIdOf(i), 'end');
    if (!added.ok) throw new Error(added.reason);
    return added.itemId;
  });
  return { ...peer, items, clock };
}

export function idsOf(items: readonly { itemId: string }[]): string[] {
  return items.map(({ itemId }) => itemId);
}
