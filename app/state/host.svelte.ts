import type { ElectionResult } from '../host/election.ts';
import type { HostModel } from './model.ts';
import type { People } from './people.svelte.ts';
import type { Room } from './room.svelte.ts';

export interface HostOptions {
  roomId: string;
  room: Room;
  people: () => People;
  onOffer: (offering: boolean) => void;
}

/** Who feeds the loudspeakers, and how that goes. */
export class Host implements HostModel {
  #options: HostOptions;
  #offering = $state(false);
  #election = $state.raw<ElectionResult | null>(null);
  #uplink = $state.raw<HostModel['uplink']>({ state: 'off' });
  #listeners = $state<number | null>(null);
  #musicLevel = $state(0);
  #voiceLevel = $state(0);

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
    const person = this.#options.people().here.find((one) => one.peerId === election?.host);
    if (!election || !person) return null;
    const why = election.why.charAt(0).toUpperCase() + election.why.slice(1);
    return { peerId: person.peerId, name: person.name, device: person.device, isMe: person.isMe, why };
  }
  get uplink(): HostModel['uplink'] {
    return this.#uplink;
  }
  get musicLevel(): number {
    return this.#musicLevel;
  }
  get voiceLevel(): number {
    return this.#voiceLevel;
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

  setElection(election: ElectionResult): void {
    this.#election = election;
  }
  setUplink(uplink: HostModel['uplink']): void {
    this.#uplink = uplink;
  }
  setListeners(listeners: number | null): void {
    this.#listeners = listeners;
  }
  setLevels(music: number, voice: number): void {
    this.#musicLevel = music;
    this.#voiceLevel = voice;
  }
}
