/** What linked peers tell each other about the room: the document (doc-sync.ts) and presence (company.ts). */
import type * as Y from 'yjs';
import { type Company, createCompany } from './company.ts';
import { type DocSync, createDocSync } from './doc-sync.ts';
import { CARD, DIGEST, RELAYED, RELAY_ASK, SLEEPERS, SYNC, SYNC_PART } from './room-wire.ts';
import type { PeerId } from './transport.ts';

export interface RoomOptions {
  doc: Y.Doc;
  selfId: PeerId;
  nowMs(): number;
  send(to: PeerId, message: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Of what it tells; null: cannot be known. */
  personOf(state: unknown): string | null;
  onPresences(): void;
  /** This peer sent what cannot be understood. */
  onBad(from: PeerId): void;
}

export interface Room {
  readonly company: Company;
  opened(peerId: PeerId): void;
  closed(peerId: PeerId, left: boolean): void;
  receive(from: PeerId, message: Uint8Array): void;
  /** Goes out with each keepalive. */
  note(): Uint8Array;
  /** Came with a keepalive. */
  heardNote(from: PeerId, note: Uint8Array): void;
  /** No linked peer is known to hold anything of the document that is missing here. */
  isWhole(): boolean;
  /** @param missing peers that announce themselves and cannot be reached */
  tick(missing: readonly PeerId[]): void;
  close(): void;
}

export function createRoom(options: RoomOptions): Room {
  const { doc, selfId, nowMs, send, onBad } = options;
  const docSync: DocSync = createDocSync({ doc, nowMs, send, onBad });
  const company = createCompany({
    selfId,
    nowMs,
    send: (to, message) => void send(to, message).catch(() => {}),
    personOf: options.personOf,
    onChange: options.onPresences,
    onRelay: docSync.relay,
  });

  /** False: it cannot be understood. */
  function take(from: PeerId, kind: number | undefined, body: Uint8Array): boolean {
    switch (kind) {
      case SYNC:
      case SYNC_PART:
        docSync.receive(from, body, kind === SYNC);
        return true;
      case DIGEST:
        docSync.heardDigest(from, body, true);
        return true;
      case CARD:
        return company.card(from, body);
      case RELAY_ASK:
        return company.relayAsk(from, body);
      case RELAYED:
        return company.relayed(from, body);
      case SLEEPERS:
        return company.sleepers(from, body);
      default:
        // A later version's: nothing that this one needs.
        return kind !== undefined;
    }
  }

  return {
    company,
    opened(peerId) {
      docSync.opened(peerId);
      company.opened(peerId);
    },
    closed(peerId, left) {
      docSync.closed(peerId);
      company.closed(peerId, left);
    },
    receive(from, message) {
      if (!take(from, message[0], message.subarray(1))) onBad(from);
    },
    note: docSync.digest,
    heardNote: (from, note) => docSync.heardDigest(from, note, false),
    isWhole: docSync.isWhole,
    tick(missing) {
      docSync.tick();
      company.tick(missing);
    },
    close: docSync.close,
  };
}
