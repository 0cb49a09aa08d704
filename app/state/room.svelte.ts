import type { Commands } from '../session/commands.ts';
import type { NodeInfo } from '../../signaling/protocol/node-info.ts';
import type { Connection, RoomModel } from './model.ts';
import type { Reads } from './reads.svelte.ts';

export interface RoomOptions {
  reads: Reads;
  commands: Commands;
  secret: string;
  /** The address that this app was loaded from; used until the node has told a better one. */
  origin: string;
}

/** The room itself: its name, its links, and whether anybody can be reached. */
export class Room implements RoomModel {
  #options: RoomOptions;
  #connection = $state<Connection>('connecting');
  #node = $state.raw<NodeInfo | null>(null);

  constructor(options: RoomOptions) {
    this.#options = options;
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
}
