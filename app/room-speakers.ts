/** The room's loudspeakers in this app: seen by everybody, kept by the host. */
import type { RoomKeys } from '../signaling/protocol/secret.ts';
import { SPEAKERS_PATH } from '../signaling/protocol/speakers.ts';
import type { RoomClock } from './clock/clock.ts';
import { createSpeakerKeeper } from './host/speaker-keeper.ts';
import { createSpeakerLink } from './host/speaker-link.ts';
import { createTicker } from './mesh/ticker.ts';
import type { Commands } from './session/commands.ts';
import type { Reads } from './state/reads.svelte.ts';
import { Speakers, type SpeakersOptions } from './state/speakers.svelte.ts';

export interface RoomSpeakersOptions extends Pick<SpeakersOptions, 'people' | 'host'> {
  reads: Reads;
  commands: Commands;
  keys: RoomKeys;
  selfId: string;
  clock: RoomClock;
}

export interface RoomSpeakers {
  readonly model: Speakers;
  /** This device hosts with this epoch from now on; null: it leaves the speakers to others. */
  setHosting(epoch: number | null): void;
  close(): void;
}

export function createRoomSpeakers(options: RoomSpeakersOptions): RoomSpeakers {
  const { keys, selfId, clock, reads, commands } = options;
  let epoch: number | null = null;
  const nowMs = (): number => clock.nowMs();
  const link = createSpeakerLink({
    url: `wss://${location.host}${SPEAKERS_PATH}`,
    roomId: keys.roomId,
    uplinkKey: keys.uplinkKey,
    nowMs,
    ticker: createTicker,
  });
  const keeper = createSpeakerKeeper({
    link,
    queries: reads.queries,
    commands,
    claim: () => (epoch === null ? null : { epoch, peerId: selfId }),
    nowMs,
  });
  const model = new Speakers({ ...options, link, nowMs });
  return {
    model,
    setHosting(next) {
      epoch = next;
      keeper.look();
    },
    close() {
      keeper.close();
      model.close();
      link.close();
    },
  };
}
