/**
 * Typed reads of the room's document. Each record is parsed once, when it changes; what doesn't parse is absent. Maps are
 * live (the same map with other contents after a change), arrays and records are replaced. Never change any of them.
 */
import type * as Y from 'yjs';
import * as v from 'valibot';
import { momentAt, type Moment } from '../playback/timeline.ts';
import { compositeKey, roomDocument, splitKey } from './document.ts';
import { latestOf, type WrittenAnchor } from './latest.ts';
import { arrange, type Arrangement, type QueueEntry } from './order.ts';
import { ownershipOf } from './ownership.ts';
import { roleOf, type Role, type Roles } from './policy.ts';
import { compareRanked, lowerBound } from './ranks.ts';
import * as schema from './schema.ts';
import type {
  Anchor,
  HostClaim,
  Loop,
  Member,
  Mix,
  Moved,
  OrderMode,
  QueueItem,
  Track,
  WantedSpeaker,
} from './schema.ts';

export type Changed =
  'queue' | 'tracks' | 'playback' | 'settings' | 'members' | 'votes' | 'host' | 'room' | 'speakers';

export interface RoomInfo {
  /** Empty string until somebody created the room. */
  name: string;
  owner: string | null;
  /** How often it was handed on to another owner. */
  handed: number;
  createdAt: number | null;
  /** The owner replaced the room's link: nothing is written here any more (C21). */
  moved: Moved | null;
}

export interface Settings {
  loop: Loop;
  order: OrderMode;
  /** For how long a song sounds together with the next; 0: not at all. */
  crossfadeMs: number;
  /** For the loudspeakers; without what nobody has set, for which the host goes by its own. */
  mix: Readonly<Partial<Mix>>;
  /** Only DJs and the owner control playback and order. */
  djOnly: boolean;
  djs: ReadonlySet<string>;
}

/** When somebody last chose what plays (room time), and how often what has happened since was written down. */
export type Decision = Pick<WrittenAnchor['record'], 'decidedAtMs' | 'steps'>;

export interface QueueView {
  /** Everything, in the order in which it is played. */
  order: readonly QueueEntry[];
  moment: Moment | null;
  played: readonly QueueEntry[];
  upNext: readonly QueueEntry[];
}

export interface Queries {
  room(): RoomInfo;
  settings(): Settings;
  /** Tracks that somebody wants to be on two devices at least, queued or not. */
  keeps(): ReadonlySet<string>;
  members(): ReadonlyMap<string, Member>;
  roleOf(memberId: string): Role;
  tracks(): ReadonlyMap<string, Track>;
  /** Parsed queue records, also those whose track isn't known (yet). */
  queue(): ReadonlyMap<string, QueueItem>;
  /** In `(rank, itemId)` order, whatever the order mode. */
  byRank(): readonly QueueEntry[];
  /** The same array until queue, tracks, votes, settings or playback changed. Items of unknown tracks are left out. */
  order(): readonly QueueEntry[];
  /** Always at an item of `order()`, unless it is an ended one; null: nothing to play. */
  anchor(): Anchor | null;
  /** `order()`, `anchor()` and where they meet. */
  arrangement(): Arrangement;
  /** As written: its item may be gone. */
  storedAnchor(): Anchor | null;
  /** Whether what somebody's addition started counts depends on the order still: nothing was written down since. */
  isOpen(): boolean;
  /** Where `storedAnchor` comes from; null without one. */
  decision(): Decision | null;
  /** What plays at room time `nowMs`; null in an idle room. */
  moment(nowMs: number): Moment | null;
  view(nowMs: number): QueueView;
  /** memberId → 1 or -1. */
  votes(itemId: string): ReadonlyMap<string, 1 | -1>;
  voteSum(itemId: string): number;
  /** The highest claim, released or not; null when there never was a host. */
  hostClaim(): HostClaim | null;
  /** speakerId → what is wanted of it. */
  speakers(): ReadonlyMap<string, WantedSpeaker>;
  /** Told once after each transaction that changed something, local or remote. Returns its unsubscribe. */
  onChange(listener: (changed: ReadonlySet<Changed>) => void): () => void;
  close(): void;
}

const NO_ROOM: RoomInfo = { name: '', owner: null, handed: 0, createdAt: null, moved: null };
const MixPart = v.partial(schema.Mix);
const NO_VOTES: ReadonlyMap<string, 1 | -1> = new Map();

export function createQueries(doc: Y.Doc): Queries {
  const shared = roomDocument(doc);
  const listeners = new Set<(changed: ReadonlySet<Changed>) => void>();
  let changed = new Set<Changed>();

  const members = new Map<string, Member>();
  const tracks = new Map<string, Track>();
  const queue = new Map<string, QueueItem>();
  const votes = new Map<string, Map<string, 1 | -1>>();
  const claims = new Map<string, HostClaim>();
  const speakers = new Map<string, WantedSpeaker>();
  const entries = new Map<string, QueueEntry>();
  /** trackId → items of that track, so that a late track record finds its items. */
  const itemsOfTrack = new Map<string, Set<string>>();
  let byRank: QueueEntry[] = [];
  let written: readonly WrittenAnchor[] = [];
  let storedAnchor: Anchor | null = null;
  let decision: Decision | null = null;
  let arrangement: Arrangement | null = null;
  let room: RoomInfo = NO_ROOM;
  let keeps: ReadonlySet<string> = new Set();
  let settings: Settings = {
    loop: 'off',
    order: 'manual',
    crossfadeMs: 0,
    mix: {},
    djOnly: false,
    djs: new Set(),
  };

  /** Brings `byRank` in line with the records of these items. */
  function placeEntries(itemIds: ReadonlySet<string>): void {
    const rebuilt = itemIds.size > 100;
    const next = rebuilt ? [] : byRank.slice();
    for (const itemId of itemIds) {
      const old = entries.get(itemId);
      if (old !== undefined && !rebuilt) next.splice(lowerBound(next, old), 1);
      const item = queue.get(itemId);
      const track = item && tracks.get(item.trackId);
      if (item === undefined || track === undefined) {
        entries.delete(itemId);
        continue;
      }
      const entry: QueueEntry = { itemId, ...item, durationMs: track.durationMs };
      entries.set(itemId, entry);
      if (!rebuilt) next.splice(lowerBound(next, entry), 0, entry);
    }
    byRank = rebuilt ? [...entries.values()].sort(compareRanked) : next;
    arrangement = null;
  }

  function readMembers(keys: Iterable<string>): void {
    for (const key of keys) keep(members, key, parse(schema.Member, shared.members.get(key)));
  }

  function readTracks(keys: Iterable<string>): void {
    const touched = new Set<string>();
    for (const key of keys) {
      keep(tracks, key, v.is(schema.TrackId, key) ? parse(schema.Track, shared.tracks.get(key)) : null);
      for (const itemId of itemsOfTrack.get(key) ?? []) touched.add(itemId);
    }
    if (touched.size > 0) placeEntries(touched);
  }

  function readQueue(keys: Iterable<string>): void {
    const touched = new Set<string>();
    for (const key of keys) {
      const before = queue.get(key);
      const item = v.is(schema.Id, key) ? parse(schema.QueueItem, shared.queue.get(key)) : null;
      keep(queue, key, item);
      touched.add(key);
      if (before?.trackId === item?.trackId) continue;
      if (before !== undefined) unlink(itemsOfTrack, before.trackId, key);
      if (item !== null) link(itemsOfTrack, item.trackId, key);
    }
    if (touched.size > 0) placeEntries(touched);
  }

  function readVotes(keys: Iterable<string>): void {
    for (const key of keys) {
      const [itemId, memberId] = splitKey(key) ?? [];
      if (itemId === undefined || memberId === undefined) continue;
      const vote = parse(schema.Vote, shared.votes.get(key));
      const ofItem = new Map(votes.get(itemId));
      keep(ofItem, memberId, vote);
      keep(votes, itemId, ofItem.size > 0 ? ofItem : null);
    }
    arrangement = null;
  }

  function readPlayback(): void {
    written = [...shared.playback.entries()].flatMap(([key, value]) => {
      const [kind, memberId] = splitKey(key) ?? [];
      const record = kind === 'anchor' || kind === 'opening' ? parse(schema.AnchorRecord, value) : null;
      return record === null || memberId === undefined
        ? []
        : [{ memberId, isOpening: kind === 'opening', record }];
    });
    arrangement = null;
  }

  function readSettings(): void {
    const djs = new Set<string>();
    const kept = new Set<string>();
    const mix: Partial<Mix> = {};
    for (const [key, value] of shared.settings.entries()) {
      const [kind, memberId] = splitKey(key) ?? [];
      if (kind === 'dj' && memberId !== undefined && value === true) djs.add(memberId);
      if (kind === 'keep' && v.is(schema.TrackId, memberId) && value === true) kept.add(memberId);
      if (kind === 'mix' && memberId !== undefined) Object.assign(mix, parse(MixPart, { [memberId]: value }));
    }
    keeps = kept;
    settings = {
      loop: parse(schema.Loop, shared.settings.get('loop')) ?? 'off',
      order: parse(schema.OrderMode, shared.settings.get('order')) ?? 'manual',
      crossfadeMs: parse(schema.CrossfadeMs, shared.settings.get('crossfadeMs')) ?? 0,
      mix,
      djOnly: parse(schema.Flag, shared.settings.get('dj')) ?? false,
      djs,
    };
    arrangement = null;
  }

  function readRoom(): void {
    const founders = new Map(
      [...shared.room.entries()].flatMap(([key, value]) => {
        const [kind, memberId] = splitKey(key) ?? [];
        const founding = kind === 'founder' ? parse(schema.Founding, value) : null;
        return founding === null || memberId === undefined ? [] : [[memberId, founding] as const];
      }),
    );
    const ownership = ownershipOf(founders, (kind, memberId) =>
      parse(schema.Handed, shared.room.get(compositeKey(kind, memberId))),
    );
    const moved = parse(schema.Moved, shared.room.get('moved'));
    room = {
      name: parse(schema.RoomName, shared.room.get('name')) ?? ownership?.founding.name ?? '',
      owner: ownership?.owner ?? null,
      handed: ownership?.handed ?? 0,
      createdAt: ownership?.founding.at ?? null,
      moved: moved !== null && moved.by === ownership?.owner ? moved : null,
    };
  }

  function readHost(keys: Iterable<string>): void {
    for (const key of keys) {
      const claim = parse(schema.HostClaim, shared.host.get(key));
      keep(claims, key, claim !== null && key === `claim/${claim.peerId}` ? claim : null);
    }
  }

  function readSpeakers(keys: Iterable<string>): void {
    for (const key of keys)
      keep(
        speakers,
        key,
        v.is(schema.Id, key) ? parse(schema.WantedSpeaker, shared.speakers.get(key)) : null,
      );
  }

  const readers: readonly (readonly [Changed, Y.Map<unknown>, (keys: Iterable<string>) => void])[] = [
    ['tracks', shared.tracks, readTracks],
    ['queue', shared.queue, readQueue],
    ['votes', shared.votes, readVotes],
    ['members', shared.members, readMembers],
    ['host', shared.host, readHost],
    ['speakers', shared.speakers, readSpeakers],
    ['playback', shared.playback, readPlayback],
    ['settings', shared.settings, readSettings],
    ['room', shared.room, readRoom],
  ];
  const stops = readers.map(([name, map, read]) => {
    read(map.keys());
    const observer = (event: Y.YMapEvent<unknown>): void => {
      read(event.keysChanged as Set<string>);
      changed.add(name);
    };
    map.observe(observer);
    return () => map.unobserve(observer);
  });
  // Fires after the observers of all types: one call a transaction, and every read is already up to date.
  const flush = (): void => {
    if (changed.size === 0) return;
    const told = changed;
    changed = new Set();
    for (const listener of [...listeners]) listener(told);
  };
  doc.on('afterTransaction', flush);

  function arranged(): Arrangement {
    if (arrangement !== null) return arrangement;
    const { order: mode, loop, crossfadeMs } = settings;
    const latest = latestOf(written, { byRank, mode, loop, crossfadeMs, votesOf: voteSum });
    storedAnchor = latest === null ? null : v.parse(schema.Anchor, latest.record);
    decision = latest === null ? null : latest.record;
    arrangement = arrange(byRank, storedAnchor, mode, loop, voteSum);
    return arrangement;
  }

  /** What `arranged` chose with the arrangement. */
  function current(): { anchor: Anchor | null; decision: Decision | null } {
    arranged();
    return { anchor: storedAnchor, decision };
  }

  function moment(nowMs: number): Moment | null {
    const { anchor, order } = arranged();
    return momentAt(anchor, order, settings.loop, nowMs, settings.crossfadeMs);
  }

  function voteSum(itemId: string): number {
    let sum = 0;
    for (const vote of votes.get(itemId)?.values() ?? []) sum += vote;
    return sum;
  }

  return {
    room: () => room,
    settings: () => settings,
    keeps: () => keeps,
    members: () => members,
    roleOf: (memberId) => roleOf(memberId, rolesOf(room, settings)),
    tracks: () => tracks,
    queue: () => queue,
    byRank: () => byRank,
    order: () => arranged().order,
    anchor: () => arranged().anchor,
    arrangement: arranged,
    storedAnchor: () => current().anchor,
    decision: () => current().decision,
    isOpen: () => written.length > 1 && written.some(({ isOpening }) => isOpening),
    moment,
    view(nowMs) {
      const { order, anchor, cursor } = arranged();
      const now = moment(nowMs);
      const ranOut = now === null && anchor !== null && anchor.ended !== true;
      const playedCount = now !== null ? now.index : ranOut ? order.length : cursor;
      return {
        order,
        moment: now,
        played: order.slice(0, playedCount),
        upNext: order.slice(now === null ? playedCount : now.index + 1),
      };
    },
    votes: (itemId) => votes.get(itemId) ?? NO_VOTES,
    voteSum,
    hostClaim() {
      let highest: HostClaim | null = null;
      for (const claim of claims.values()) {
        if (highest === null || isHigher(claim, highest)) highest = claim;
      }
      return highest;
    },
    speakers: () => speakers,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      for (const stop of stops.splice(0)) stop();
      doc.off('afterTransaction', flush);
      listeners.clear();
    },
  };
}

function isHigher(a: HostClaim, b: HostClaim): boolean {
  return a.epoch !== b.epoch ? a.epoch > b.epoch : a.peerId > b.peerId;
}

function rolesOf(room: RoomInfo, settings: Settings): Roles {
  return { owner: room.owner, djOnly: settings.djOnly, djs: settings.djs };
}

function parse<T>(shape: v.GenericSchema<unknown, T>, value: unknown): T | null {
  if (value === undefined) return null;
  const result = v.safeParse(shape, value);
  return result.success ? result.output : null;
}

function keep<T>(map: Map<string, T>, key: string, value: T | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function link(sets: Map<string, Set<string>>, key: string, member: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([member]));
  else set.add(member);
}

function unlink(sets: Map<string, Set<string>>, key: string, member: string): void {
  const set = sets.get(key);
  set?.delete(member);
  if (set?.size === 0) sets.delete(key);
}
