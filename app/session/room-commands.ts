/** Commands about the room itself: tracks known, people, names, roles, host. */
import * as v from 'valibot';
import { compositeKey } from './document.ts';
import type { Editor, Result } from './edit.ts';
import { handedKind } from './ownership.ts';
import * as schema from './schema.ts';
import type { HostClaim, Track } from './schema.ts';

const NAME_LENGTH = 80;
const TEXT_LENGTH = 500;

export interface RoomCommands {
  /**
   * Harmless when the room exists: its founder stays owner.
   * @param made on the device that made the room's link, whose clock then does not matter
   */
  createRoom(name: string, made?: { made: true }): Result;
  renameRoom(name: string): Result;
  /** Tells who the actor is; again with another name or hue changes them. */
  joinMember(member: { name: string; hue: number }): Result;
  rename(name: string): Result;
  /** Over-long titles are cut. A track that is known already stays as it is. */
  addTrack(trackId: string, track: Omit<Track, 'by' | 'at'>): Result;
  /** Asks the room to hold the track on two devices at least, or takes that back. */
  keepCopy(trackId: string, on: boolean): Result;
  /** Owner only: whether only DJs control playback and order. */
  setDjOnly(on: boolean): Result;
  setDj(memberId: string, on: boolean): Result;
  /** Owner only: makes another member the owner in the actor's place. Only they can hand it back. */
  handOn(memberId: string): Result;
  /** Owner only: the room goes on under another link; every later command here is refused (`carry.ts`). */
  markMoved(): Result;
  /**
   * Claims the host's role with an epoch above all known; `election.ts` says when.
   * @param atLeast the node may know of a claim that the document does not
   */
  claimHost(peerId: string, atLeast?: number): Result<{ epoch: number }>;
  /** Hands the host's role to a peer that offers it. @param from this peer @param atLeast as of `claimHost` */
  nameHost(peerId: string, from: string, atLeast?: number): Result<{ epoch: number }>;
  releaseHost(peerId: string): Result;
}

export function createRoomCommands(editor: Editor): RoomCommands {
  const { queries, shared } = editor;

  function write(also: () => void): { ok: true } {
    editor.transact(also);
    return { ok: true };
  }

  function cleanName(name: string): string | null {
    const clean = name.trim().replaceAll(/\s+/g, ' ').slice(0, NAME_LENGTH).trim();
    return clean === '' ? null : clean;
  }

  function writeClaim(claim: HostClaim): Result<{ epoch: number }> {
    if (!v.is(schema.HostClaim, claim)) return { ok: false, reason: 'invalid' };
    write(() => {
      // One claim says all; those of peers that are gone would pile up.
      for (const key of shared.host.keys()) shared.host.delete(key);
      shared.host.set(compositeKey('claim', claim.peerId), claim);
    });
    return { ok: true, epoch: claim.epoch };
  }

  return {
    createRoom(name, made) {
      const clean = cleanName(name);
      if (clean === null) return { ok: false, reason: 'invalid' };
      if (queries.room().owner !== null) return { ok: true };
      return write(() => {
        shared.room.set('schema', schema.SCHEMA_VERSION);
        shared.room.set(compositeKey('founder', editor.memberId), {
          at: editor.nowMs(),
          name: clean,
          ...made,
        });
      });
    },

    renameRoom(name) {
      if (!editor.allowed('rename-room')) return { ok: false, reason: 'not-allowed' };
      const clean = cleanName(name);
      if (clean === null) return { ok: false, reason: 'invalid' };
      return write(() => shared.room.set('name', clean));
    },

    joinMember({ name, hue }) {
      const clean = cleanName(name);
      const joinedAt = queries.members().get(editor.memberId)?.joinedAt ?? editor.nowMs();
      const member = { name: clean, hue, joinedAt };
      if (!v.is(schema.Member, member)) return { ok: false, reason: 'invalid' };
      const known = queries.members().get(editor.memberId);
      // The same again, at each start of the app, must not grow the document.
      if (known?.name === member.name && known.hue === member.hue) return { ok: true };
      return write(() => shared.members.set(editor.memberId, member));
    },

    rename(name) {
      const known = queries.members().get(editor.memberId);
      const clean = cleanName(name);
      if (known === undefined) return { ok: false, reason: 'unknown-member' };
      if (clean === null) return { ok: false, reason: 'invalid' };
      return write(() => shared.members.set(editor.memberId, { ...known, name: clean }));
    },

    addTrack(trackId, track) {
      if (!editor.allowed('add')) return { ok: false, reason: 'not-allowed' };
      if (queries.tracks().has(trackId)) return { ok: true };
      const record = { ...track, by: editor.memberId, at: editor.nowMs() };
      for (const key of ['title', 'artist', 'album'] as const) {
        const text = record[key];
        if (text !== undefined) record[key] = text.slice(0, TEXT_LENGTH);
      }
      const parsed = v.safeParse(schema.Track, record);
      if (!parsed.success || !v.is(schema.TrackId, trackId)) return { ok: false, reason: 'invalid' };
      // Items of this track may be queued already: they take their places only now.
      editor.write(editor.settled(), { also: () => shared.tracks.set(trackId, parsed.output) });
      return { ok: true };
    },

    keepCopy(trackId, on) {
      if (!editor.allowed('add')) return { ok: false, reason: 'not-allowed' };
      if (!queries.tracks().has(trackId)) return { ok: false, reason: 'unknown-track' };
      if (queries.keeps().has(trackId) === on) return { ok: true };
      const key = compositeKey('keep', trackId);
      return write(() => (on ? void shared.settings.set(key, true) : shared.settings.delete(key)));
    },

    setDjOnly(on) {
      if (!editor.allowed('make-djs')) return { ok: false, reason: 'not-allowed' };
      return write(() => shared.settings.set('dj', on));
    },

    setDj(djId, on) {
      if (!editor.allowed('make-djs')) return { ok: false, reason: 'not-allowed' };
      if (!v.is(schema.Id, djId)) return { ok: false, reason: 'invalid' };
      const key = compositeKey('dj', djId);
      return write(() => (on ? void shared.settings.set(key, true) : shared.settings.delete(key)));
    },

    handOn(memberId) {
      if (!editor.allowed('hand-on')) return { ok: false, reason: 'not-allowed' };
      if (!queries.members().has(memberId)) return { ok: false, reason: 'unknown-member' };
      if (memberId === editor.memberId) return { ok: false, reason: 'invalid' };
      const key = compositeKey(handedKind(queries.room().handed), editor.memberId);
      return write(() => shared.room.set(key, { to: memberId, at: editor.nowMs() }));
    },

    markMoved() {
      if (!editor.allowed('replace-link')) return { ok: false, reason: 'not-allowed' };
      return write(() => shared.room.set('moved', { at: editor.nowMs(), by: editor.memberId }));
    },

    claimHost(peerId, atLeast = 0) {
      if (!editor.allowed('offer-host')) return { ok: false, reason: 'not-allowed' };
      return writeClaim({ epoch: Math.max((queries.hostClaim()?.epoch ?? 0) + 1, atLeast), peerId });
    },

    nameHost(peerId, from, atLeast = 0) {
      const claim = queries.hostClaim();
      const isHost = claim?.peerId === from && claim.released !== true;
      if (!isHost && !editor.allowed('name-host')) return { ok: false, reason: 'not-allowed' };
      return writeClaim({ epoch: Math.max((claim?.epoch ?? 0) + 1, atLeast), peerId, named: true });
    },

    releaseHost(peerId) {
      const claim = queries.hostClaim();
      if (claim === null || claim.peerId !== peerId || claim.released === true) return { ok: true };
      return write(() => shared.host.set(compositeKey('claim', peerId), { ...claim, released: true }));
    },
  };
}
