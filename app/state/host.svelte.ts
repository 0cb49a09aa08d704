import type { ElectionResult } from '../host/election.ts';
import type { HostModel, NextHost } from './model.ts';
import type { Notices } from './notices.svelte.ts';
import type { People } from './people.svelte.ts';
import type { Room } from './room.svelte.ts';

export interface HostOptions {
  roomId: string;
  room: Room;
  people: () => People;
  notices: Notices;
  onOffer: (offering: boolean) => void;
  mayHandOver: () => boolean;
  /** False: refused. */
  onHandOver: (peerId: string) => boolean;
}

/** Who feeds the loudspeakers, and how that goes. */
export class Host implements HostModel {
  #options: HostOptions;
  #offering = $state(false);
  #otherTab = $state(false);
  #election = $state.raw<ElectionResult | null>(null);
  #uplink = $state.raw<HostModel['uplink']>({ state: 'off' });
  #listeners = $state<number | null>(null);

  constructor(options: HostOptions) {
    this.#options = options;
  }

  get offering(): boolean {
    return this.#offering;
  }
  get isHost(): boolean {
    return this.host?.isMe ?? false;
  }
  /** Peer id of the host, or null; known also before its presence is. */
  get hostId(): string | null {
    return this.#election?.host ?? null;
  }
  get host(): HostModel['host'] {
    const election = this.#election;
    return election?.host == null ? null : this.#named({ peerId: election.host, why: election.why });
  }
  get isOutOfSight(): boolean {
    return this.hostId !== null && this.host === null;
  }
  get next(): HostModel['next'] {
    return (this.#election?.next ?? []).flatMap((place) => this.#named(place) ?? []);
  }
  get otherTab(): boolean {
    return this.#otherTab;
  }
  get mayHandOver(): boolean {
    return this.host !== null && (this.isHost || this.#options.mayHandOver());
  }
  #named({ peerId, why }: { peerId: string; why: string }): NextHost | null {
    const person = this.#options.people().here.find((one) => one.peerId === peerId);
    if (!person) return null;
    const { name, device, isMe } = person;
    return { peerId, name, device, isMe, why: why.charAt(0).toUpperCase() + why.slice(1) };
  }
  get uplink(): HostModel['uplink'] {
    return this.#uplink;
  }
  get streamUrl(): string {
    const { room, roomId } = this.#options;
    const path = room.defaultRoomId === roomId ? '/stream.mp3' : `/stream/${roomId}.mp3`;
    return `${room.streamBaseUrl ?? location.origin}${path}`;
  }
  get listeners(): number | null {
    return this.#uplink.state === 'up' ? this.#uplink.listeners : this.#listeners;
  }

  startHosting(): void {
    this.#offering = true;
    this.#options.onOffer(true);
  }
  stopHosting(): void {
    this.#offering = false;
    this.#options.onOffer(false);
  }

  handOver(peerId: string): void {
    const before = this.host;
    const next = this.next.find((one) => one.peerId === peerId);
    if (!next || !this.#options.onHandOver(peerId)) return;
    const text = `${next.isMe ? `This ${next.device}` : `${next.name}’s ${next.device}`} takes over as host. The loudspeakers play on.`;
    const back = before && (() => void this.#options.onHandOver(before.peerId));
    this.#options.notices.info(text, back && { label: 'Hand back', run: back });
  }

  setOtherTab(otherTab: boolean): void {
    this.#otherTab = otherTab;
  }
  setElection(election: ElectionResult): void {
    this.#election = election;
  }
  setUplink(uplink: HostModel['uplink']): void {
    this.#uplink = uplink;
  }
  setListeners(listeners: number | null): void {
    this.#listeners = listeners;
  }
}
