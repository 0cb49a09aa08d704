/** A host, its document, the node's watch and whatever loudspeakers there are, on a clock that the test moves. */
import { vi } from 'vitest';
import * as Y from 'yjs';
import { seenSpeaker } from '../../../app/host/reconcile.ts';
import { createSpeakerKeeper, type SpeakerKeeper } from '../../../app/host/speaker-keeper.ts';
import { type Commands, createCommands } from '../../../app/session/commands.ts';
import { createQueries } from '../../../app/session/queries.ts';
import type { ObservedSpeaker, SpeakerDeed } from '../../../signaling/protocol/speakers.ts';
import type { CreateDriver } from '../../../signaling/speakers/port.ts';
import { createStreamNames } from '../../../signaling/speakers/stream-names.ts';
import { createSpeakerWatch, type SpeakerWatch } from '../../../signaling/speakers/watch.ts';
import { driverOptions } from '../../fixtures/driver-options.ts';

export const ROOM = 'abcdefghijklmnopqrst';
export const BASE = 'http://10.0.0.1:8097';
export const STREAM = `${BASE}/stream.mp3`;

export interface House {
  watch: SpeakerWatch;
  commands: Commands;
  keeper: SpeakerKeeper;
  /** What the host said to loudspeakers, in order. */
  said: { deed: SpeakerDeed; atMs: number }[];
  /** Whether this device hosts. */
  isHosting: boolean;
  /** As the room is told of the one that there is. */
  seen(): ObservedSpeaker;
  /** Whether it is wanted, and whether that was switched at the device. */
  wanted(): { on: boolean; byHand: boolean };
  ofKind(kind: SpeakerDeed['do']): { deed: SpeakerDeed; atMs: number }[];
  pass(ms: number): Promise<unknown>;
  close(): Promise<void>;
}

export interface HouseOptions {
  driver: CreateDriver;
  publicUrl?: string;
  /** Wall-clock milliseconds. */
  wallNow?: () => number;
}

/** The clock must be the test's already. */
export function openHouse({ driver, publicUrl, wallNow = Date.now }: HouseOptions): House {
  const nowMs = (): number => performance.now();
  const watch = createSpeakerWatch({
    ...driverOptions(() => undefined),
    now: nowMs,
    wallNow,
    drivers: [driver],
    listeners: () => new Set(),
    streams: createStreamNames({
      ...{ defaultRoomId: ROOM, isFixed: false, httpPort: () => 8097, baseUrl: () => BASE },
      ...{ hosts: () => ['10.0.0.1'], formerHosts: () => new Set(), publicUrl: () => publicUrl ?? null },
    }),
  });
  const doc = new Y.Doc();
  const queries = createQueries(doc);
  const commands = createCommands({
    ...{ doc, queries, actor: { memberId: 'anna' }, nowMs },
    ...{ newId: () => 'id', random: () => 0.5 },
  });
  const said: House['said'] = [];
  const house: House = {
    ...{ watch, commands, said, isHosting: true },
    keeper: createSpeakerKeeper({
      link: {
        seen: () => watch.observed(ROOM).map((one) => seenSpeaker(one, nowMs())),
        onChange: (listener) => watch.onChange(() => listener()),
        act(speakerId, deed) {
          said.push({ deed, atMs: nowMs() });
          return watch.act(ROOM, speakerId, deed);
        },
        close: () => undefined,
      },
      ...{ queries, commands, nowMs },
      claim: () => (house.isHosting ? { epoch: 1, peerId: 'anna' } : null),
    }),
    seen: () => watch.observed(ROOM)[0]!,
    wanted() {
      const wish = queries.speakers().get(house.seen().id);
      return { on: wish?.on === true, byHand: wish?.byHand === true };
    },
    ofKind: (kind) => said.filter(({ deed }) => deed.do === kind),
    pass: (ms) => vi.advanceTimersByTimeAsync(ms),
    async close() {
      house.keeper.close();
      await watch.close();
      doc.destroy();
    },
  };
  return house;
}
