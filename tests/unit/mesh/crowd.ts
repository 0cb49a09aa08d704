/** Rooms (app/mesh/room.ts) linked with each other in this process; time is a number, and every message is counted. */
import * as Y from 'yjs';
import { type Room, createRoom } from '../../../app/mesh/room.ts';

export interface Member {
  readonly id: string;
  readonly doc: Y.Doc;
  readonly room: Room;
  presenceChanges: number;
}

export interface Crowd {
  nowMs: number;
  sent: number;
  sentBytes: number;
  /** Messages for which this is true are lost. */
  lose: (from: string, to: string, message: Uint8Array) => boolean;
  add(id: string, doc?: Y.Doc): Member;
  link(a: Member, b: Member): void;
  unlink(a: Member, b: Member, left?: boolean): void;
  linkAll(members: readonly Member[]): void;
  /** Delivers until nothing is on its way. */
  settle(): Promise<void>;
  /** One second: a keepalive each way on every link, and everybody's tick. */
  second(missing?: ReadonlyMap<Member, readonly Member[]>): Promise<void>;
}

export function createCrowd(): Crowd {
  const members = new Map<string, Member>();
  const links = new Set<string>();
  const linked = (a: string, b: string) => links.has(`${a} ${b}`);
  let onTheirWay = 0;

  const crowd: Crowd = {
    nowMs: 1_000_000,
    sent: 0,
    sentBytes: 0,
    lose: () => false,
    add(id, doc = new Y.Doc()) {
      const member: Member = {
        id,
        doc,
        presenceChanges: 0,
        room: createRoom({
          doc,
          selfId: id,
          nowMs: () => crowd.nowMs,
          async send(to, message) {
            if (!linked(id, to)) throw new Error(`${to} is gone`);
            crowd.sent++;
            crowd.sentBytes += message.length;
            if (crowd.lose(id, to, message)) return;
            onTheirWay++;
            await Promise.resolve();
            onTheirWay--;
            if (linked(id, to)) members.get(to)?.room.receive(id, message);
          },
          personOf: (state) => (state as { memberId?: string } | null)?.memberId ?? null,
          onPresences: () => member.presenceChanges++,
          onBad(from) {
            throw new Error(`${id} did not understand ${from}`);
          },
        }),
      };
      members.set(id, member);
      return member;
    },
    link(a, b) {
      links.add(`${a.id} ${b.id}`).add(`${b.id} ${a.id}`);
      a.room.opened(b.id);
      b.room.opened(a.id);
    },
    unlink(a, b, left = false) {
      links.delete(`${a.id} ${b.id}`);
      links.delete(`${b.id} ${a.id}`);
      a.room.closed(b.id, left);
      b.room.closed(a.id, false);
    },
    linkAll(all) {
      all.forEach((a, at) => all.slice(at + 1).forEach((b) => crowd.link(a, b)));
    },
    async settle() {
      for (let quiet = 0; quiet < 20; quiet = onTheirWay === 0 ? quiet + 1 : 0) await Promise.resolve();
    },
    async second(missing = new Map()) {
      crowd.nowMs += 1_000;
      for (const member of members.values())
        member.room.tick((missing.get(member) ?? []).map((other) => other.id));
      for (const pair of links) {
        const [from = '', to = ''] = pair.split(' ');
        const sender = members.get(from);
        if (sender) members.get(to)?.room.heardNote(from, sender.room.note());
      }
      await crowd.settle();
    },
  };
  return crowd;
}

export const set = ({ doc }: Member, key: string, value: unknown = key) => doc.getMap('m').set(key, value);
export const get = ({ doc }: Member): Record<string, unknown> => doc.getMap('m').toJSON();
