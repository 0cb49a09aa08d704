/** Screens that the first picture does not need: loaded when opened, or when the first picture has been idle a while. */
export const screens = {
  queue: () => import('./Queue.svelte'),
  music: () => import('./Music.svelte'),
  people: () => import('./People.svelte'),
  speakers: () => import('./Speakers.svelte'),
  anotherSpeaker: () => import('./AnotherSpeakerSheet.svelte'),
  rooms: () => import('./RoomsSheet.svelte'),
  doctor: () => import('./DoctorSheet.svelte'),
  say: () => import('./SaySheet.svelte'),
  ear: () => import('./EarSheet.svelte'),
  invite: () => import('./InviteSheet.svelte'),
};

const PATIENCE_MS = 1500;

/** Fetches them ahead, so that opening one shows no wait. One that fails now is asked for again when it is opened. */
export function loadAhead(): () => void {
  const timer = setTimeout(() => {
    for (const load of Object.values(screens)) load().catch(() => undefined);
  }, PATIENCE_MS);
  return () => clearTimeout(timer);
}
