import type { Commands } from '../session/commands.ts';
import type { Presence } from '../session/schema.ts';
import type { PeopleModel, Person } from './model.ts';
import type { Notices } from './notices.svelte.ts';
import type { Reads } from './reads.svelte.ts';

export interface PeopleOptions {
  reads: Reads;
  commands: Commands;
  memberId: string;
  selfId: string;
  name: string | null;
  onName: (name: string, hue: number) => void;
  notices: Pick<Notices, 'info' | 'problem'>;
  /** Peer id of the host, or null. */
  hostId: () => string | null;
}

/** Who is here, by presence; and who they are, by the document. */
export class People implements PeopleModel {
  #options: PeopleOptions;
  #name = $state('');
  #present = $state.raw<readonly Presence[]>([]);
  #asleep = $state.raw<readonly Presence[]>([]);
  #levels = $state.raw<ReadonlyMap<string, number>>(new Map());

  constructor(options: PeopleOptions) {
    this.#options = options;
    this.#name = options.name ?? '';
  }

  readonly #here = $derived.by((): readonly Person[] => {
    const { reads, selfId } = this.#options;
    const hostId = this.#options.hostId();
    // Who reloaded its page has left its former self behind asleep.
    const awake = new Set(this.#present.map((one) => one.memberId));
    const latest = new Map<string, Presence>();
    for (const one of this.#asleep) {
      const other = latest.get(one.memberId);
      if (!awake.has(one.memberId) && (!other || other.joinedAtMs < one.joinedAtMs))
        latest.set(one.memberId, one);
    }
    const asleep = [...latest.values()];
    const people = [...this.#present, ...asleep].map((one, at): Person => {
      const isAsleep = at >= this.#present.length;
      const member = reads.members.get(one.memberId);
      return {
        memberId: one.memberId,
        peerId: one.peerId,
        name: member?.name ?? one.name,
        hue: member?.hue ?? one.hue,
        device: one.device,
        isMe: one.peerId === selfId,
        role: reads.roleOf(one.memberId),
        isHost: one.peerId === hostId && !isAsleep,
        isTalking: one.talking && !isAsleep,
        level: this.#levels.get(one.peerId) ?? 0,
        isListening: one.listening && !isAsleep,
        roundTripMs: isAsleep ? null : one.roundTripMs,
        isAsleep,
      };
    });
    const arrival = new Map([...this.#present, ...asleep].map((one) => [one.peerId, one.joinedAtMs]));
    const at = (person: Person): number => arrival.get(person.peerId) ?? 0;
    return people.sort(
      (a, b) =>
        Number(b.isMe) - Number(a.isMe) ||
        Number(a.isAsleep) - Number(b.isAsleep) ||
        at(a) - at(b) ||
        (a.peerId < b.peerId ? -1 : 1),
    );
  });

  get here(): readonly Person[] {
    return this.#here;
  }
  get me(): PeopleModel['me'] {
    const { memberId, reads } = this.#options;
    return { memberId, name: this.#name, hue: this.hueFor(this.#name), role: reads.roleOf(memberId) };
  }
  get present(): readonly Presence[] {
    return this.#present;
  }

  setName(name: string): void {
    const trimmed = name.trim().slice(0, 80);
    if (trimmed === '') return;
    this.#name = trimmed;
    this.#options.onName(trimmed, this.hueFor(trimmed));
  }

  hueFor(name: string): number {
    // FNV-1a over the name and this member's id: two Annas get two colours, one Anna keeps hers.
    let hash = 0x811c9dc5;
    for (const unit of `${name.trim().toLowerCase()} ${this.#options.memberId.slice(0, 8)}`) {
      hash = Math.imul(hash ^ (unit.codePointAt(0) ?? 0), 0x01000193) >>> 0;
    }
    return hash % 360;
  }

  canHandTo({ memberId, isAsleep }: Person): boolean {
    const { me } = this;
    const isKnown = this.#options.reads.members.has(memberId);
    return me.role === 'owner' && memberId !== me.memberId && isKnown && !isAsleep;
  }

  handTo({ memberId, name }: Person): void {
    const { commands, notices } = this.#options;
    if (commands.handOn(memberId).ok) notices.info(`${name} is the owner of this room now.`);
    // Whoever was asked about may have become the owner by another device, or the room has moved.
    else notices.problem(`The room was not handed to ${name}: you are not its owner any more.`);
  }

  nameOf(memberId: string): string {
    return this.#options.reads.members.get(memberId)?.name ?? 'Somebody';
  }
  hueOf(memberId: string): number {
    return this.#options.reads.members.get(memberId)?.hue ?? 0;
  }

  /** @param asleep what those told last who are asleep */
  setPresent(present: readonly Presence[], asleep: readonly Presence[] = []): void {
    this.#present = present;
    this.#asleep = asleep;
  }
  /** @param heard level of each peer's voice as heard here; @param own what this device's microphone hears */
  setLevels(heard: ReadonlyMap<string, number>, own: number): void {
    const levels = new Map([...heard, [this.#options.selfId, own] as const].filter(([, level]) => level > 0));
    if (levels.size > 0 || this.#levels.size > 0) this.#levels = levels;
  }
}
