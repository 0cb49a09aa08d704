/**
 * What is reached with the house's credentials is for the node's own room: a key proves no more than that somebody knows a room,
 * and anybody on the LAN can make one up. Everything else here anybody on the LAN could tell without the node.
 */
import type { ObservedSpeaker } from '../protocol/speakers.ts';
import type { Announcement } from './port.ts';
import type { SpeakerWatch } from './watch.ts';

const OWN_ROOM_ONLY: ReadonlySet<ObservedSpeaker['kind']> = new Set(['home-assistant', 'alexa']);
const REFUSAL = 'It is for the room of the computer that runs Earshot only.';

export interface RoomsWatch extends Pick<SpeakerWatch, 'observed' | 'onChange' | 'act'> {
  /** As the watch's, in this room's name. */
  announce(
    roomId: string,
    speakerIds: readonly string[],
    announcement: Announcement,
  ): ReturnType<SpeakerWatch['announce']>;
}

export function forRooms(watch: SpeakerWatch, ownRoomId: string): RoomsWatch {
  const isFor = (roomId: string, { kind }: ObservedSpeaker): boolean =>
    roomId === ownRoomId || !OWN_ROOM_ONLY.has(kind);

  function isRefused(roomId: string, speakerId: string): boolean {
    const speaker = watch.observed(roomId).find(({ id }) => id === speakerId);
    return speaker !== undefined && !isFor(roomId, speaker);
  }

  return {
    observed: (roomId) => watch.observed(roomId).filter((speaker) => isFor(roomId, speaker)),
    onChange: watch.onChange,
    act: (roomId, speakerId, deed) =>
      isRefused(roomId, speakerId) ? Promise.resolve(REFUSAL) : watch.act(roomId, speakerId, deed),
    async announce(roomId, speakerIds, announcement) {
      const allowed = speakerIds.filter((id) => !isRefused(roomId, id));
      const refused = speakerIds.filter((id) => !allowed.includes(id));
      const said = await watch.announce(allowed, announcement);
      return [...said, ...refused.map((speakerId) => ({ speakerId, error: REFUSAL }))];
    },
  };
}
