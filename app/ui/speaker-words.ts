/** What loudspeakers do, in words. */
import type { SpeakerRow, SpeakersModel } from '../state/model.ts';

type Says = { text: string; isProblem: boolean };

export const KINDS: Readonly<Record<NonNullable<SpeakerRow['kind']>, string>> = {
  dlna: 'DLNA',
  sonos: 'Sonos',
  cast: 'Google Cast',
  'home-assistant': 'Home Assistant',
  alexa: 'Alexa, needs the internet',
  snapcast: 'Snapcast',
  demo: 'Demo',
};

/** Second line of a row: which room of the house it is in, what kind, what it plays together with. */
export function about({ area, kind, group, within }: SpeakerRow): string {
  // What it does says it.
  const others = group === null || within !== null ? null : `with ${group}`;
  return [area, kind === null ? null : KINDS[kind], others].filter((word) => word !== null).join(' · ');
}

/** What it does now, and why it does not do what is wanted. */
export function doing(row: SpeakerRow, speakers: Pick<SpeakersModel, 'hasHost' | 'state'>): Says {
  const { on, isHere, state, plays, title, error, failures, muted } = row;
  const { hasHost } = speakers;
  const fine = (text: string): Says => ({ text, isProblem: false });
  // Why is said once, above the list.
  if (speakers.state === 'unreachable') return fine('Not seen from here.');
  if (!isHere) {
    const then = hasHost ? 'as soon as it is back' : 'once it is back and a device hosts';
    return { text: `Out of reach. It plays ${then}.`, isProblem: true };
  }
  if (on && error !== null && state === 'error') {
    const next = failures >= 3 ? 'It is tried again once a minute.' : 'It is tried again in a moment.';
    return { text: hasHost ? `${error} ${next}` : error, isProblem: true };
  }
  const isSounding = state === 'starting' || state === 'buffering' || state === 'playing';
  if (isSounding && plays === 'other')
    return fine(title === null ? 'Plays something else' : `Plays “${title}”`);
  if (on && !hasHost && !isSounding)
    return { text: 'Waits for a host: nobody sends it anything yet.', isProblem: true };
  if (!on && isSounding && error !== null) return { text: `Still plays the room. ${error}`, isProblem: true };
  const andWhy = (text: string, end = ''): Says =>
    error === null ? fine(text) : { text: `${text}${end} ${error}`, isProblem: true };
  if (state === 'starting') return andWhy('Starting…');
  if (state === 'buffering') return andWhy('Buffering…');
  if (state === 'playing' && plays === 'room') {
    return andWhy(muted ? 'Plays the room, muted' : 'Plays the room', '.');
  }
  // What it plays it may not tell.
  if (state === 'playing') return fine(title === null ? 'Plays' : `Plays “${title}”`);
  if (row.within !== null) return fine(`On with ${row.within}`);
  if (!on && row.byHand) return fine('Off: stopped at the speaker');
  return fine(on ? 'About to play' : 'Off');
}

/** How far a switch-on has come, in order; `ms` since it began, null: not there yet. Found it is, or it would have no steps. */
export function stepsShown(steps: NonNullable<SpeakerRow['steps']>): { word: string; ms: number | null }[] {
  return [
    { word: 'Found', ms: 0 },
    { word: 'Asked', ms: steps.askedMs },
    { word: 'Buffering', ms: steps.acceptedMs },
    { word: 'Playing', ms: steps.playingMs },
  ];
}

/** `2.4 s` */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
