/** Voices of the room: this device's goes to whoever hears it, the others' come into the sound here. */
import type { Transport } from './mesh/transport.ts';
import type { Presence } from './session/schema.ts';
import type { Sound } from './sound.ts';
import type { Host } from './state/host.svelte.ts';
import type { People } from './state/people.svelte.ts';
import type { PresencePublisher } from './state/presence.ts';
import { Talk } from './state/talk.svelte.ts';
import { createHearers } from './voice/hearers.ts';

export interface RoomVoiceOptions {
  selfId: string;
  mesh: Pick<Transport, 'offerVoice' | 'onVoice'>;
  presences: () => ReadonlyMap<string, Presence>;
  presence: PresencePublisher;
  sound: Sound;
  people: People;
  host: Host;
}

export interface RoomVoice {
  readonly model: Talk;
  /** Call when somebody else hears this room's voices from now on, or no longer, or hosts. */
  look(): void;
  close(): void;
}

export function createRoomVoice(options: RoomVoiceOptions): RoomVoice {
  const { selfId, mesh, presences, presence, sound, people, host } = options;
  let live: MediaStream | null = null;
  const hearers = createHearers(selfId);
  const look = (): void =>
    mesh.offerVoice(
      live,
      hearers.now({ talking: live !== null, here: presences().values(), hostId: host.hostId }),
    );
  const model = new Talk({
    microphone: () => sound.microphone(),
    onLive: (stream) => {
      live = stream;
      sound.setTalking(stream !== null);
      presence.update({ talking: stream !== null });
      look();
    },
    audience: () => audienceWords(people, host),
  });
  mesh.onVoice((from, stream) => sound.setVoice(from, stream));
  return { model, look, close: () => model.close() };
}

function audienceWords(people: People, host: Host): string {
  const listening = people.here.filter(
    (person) => person.isListening && !person.isMe && !person.isHost,
  ).length;
  const ears = listening === 1 ? 'one person' : `${listening} people`;
  // Null: the node is out of reach, and with it the loudspeakers.
  if (host.host !== null && host.listeners !== null)
    return listening === 0 ? 'the speakers' : `the speakers and ${ears}`;
  if (host.host !== null && listening === 0) return 'nobody yet: the loudspeakers are out of reach';
  return listening === 0 ? 'nobody yet: no device hosts or listens' : ears;
}
