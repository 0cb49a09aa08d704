import type { Commands } from '../session/commands.ts';
import type { NodeInfo } from '../../signaling/protocol/node-info.ts';
import type { Connection, RoomModel } from './model.ts';
import type { Reads } from './reads.svelte.ts';
import type { Fit } from './versions.ts';

export interface RoomOptions {
  reads: Reads;
  commands: Commands;
  secret: string;
  /** The address that this app was loaded from; used until the node has told a better one. */
  origin: string;
  roomId: string;
  /** This device came by a link, and had not been here before it found somebody or something. */
  cameByLink: boolean;
  /** People in reach, self counted. */
  present: () => number;
  /** Fetches the newer app and reloads. */
  onUpdate: () => void;
}

/** How long a room may look empty before it is said that it is. */
const LOOK_AROUND_MS = 4_000;

/** The room itself: its name, its links, and whether anybody can be reached. */
export class Room implements RoomModel {
  #options: RoomOptions;
  #connection = $state<Connection>('connecting');
  #node = $state.raw<NodeInfo | null>(null);
  #fit = $state<Fit>('fits');
  #lookedAround = $state(false);
  #looking: ReturnType<typeof setTimeout>;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#looking = setTimeout(() => (this.#lookedAround = true), LOOK_AROUND_MS);
  }

  get name(): string {
    return this.#options.reads.room.name || 'Earshot';
  }
  get connection(): Connection {
    return this.#connection;
  }
  get joinLink(): string {
    return `${this.#node?.joinUrl ?? `${this.#options.origin}/`}#${this.#options.secret}`;
  }
  get appLink(): string {
    return `${this.#node?.appUrl ?? `${this.#options.origin}/`}#${this.#options.secret}`;
  }
  /** Plain HTTP, for loudspeakers; null until the node has answered once. */
  get streamBaseUrl(): string | null {
    return this.#node?.streamBaseUrl ?? null;
  }
  get defaultRoomId(): string | null {
    return this.#node?.defaultRoomId ?? null;
  }

  get banner(): RoomModel['banner'] {
    const { reads, present, cameByLink, onUpdate, roomId } = this.#options;
    if (this.#fit === 'app-old')
      return {
        text: 'This app is older than the computer that runs Earshot, and no longer understands it.',
        action: { label: 'Update now', run: onUpdate },
      };
    if (this.#fit === 'node-old')
      return {
        text: 'The computer that runs Earshot has an older version than this app. Update Earshot there, and start it again.',
        action: null,
      };
    const isEmpty = present() < 2 && reads.members.size < 2 && reads.tracks.size === 0;
    const isOurs = !cameByLink || this.#node === null || this.#node.defaultRoomId === roomId;
    if (isEmpty && !isOurs && this.#lookedAround && this.#connection === 'connected')
      return { text: 'Nobody is in this room yet, or the link is old.', action: null };
    return null;
  }

  rename(name: string): void {
    const trimmed = name.trim();
    if (trimmed !== '') this.#options.commands.renameRoom(trimmed);
  }

  setConnection(connection: Connection): void {
    this.#connection = connection;
  }
  setNode(node: NodeInfo): void {
    this.#node = node;
  }
  setFit(fit: Fit): void {
    this.#fit = fit;
  }

  close(): void {
    clearTimeout(this.#looking);
  }
}
