/**
 * Push-to-talk: what pressing, letting go, latching and the microphone's answers lead to. Pure; who owns the microphone
 * opens it while `wantsMicrophone` and reports back.
 */
export type TalkState =
  | { kind: 'idle' }
  /** The microphone is being opened (the browser may be asking). */
  | { kind: 'starting'; held: boolean; latched: boolean }
  | { kind: 'live'; held: boolean; latched: boolean }
  | { kind: 'problem'; message: string };

export type TalkEvent =
  | { type: 'press' }
  | { type: 'release' }
  /** Tap to talk without holding, tap again to end. */
  | { type: 'toggle-latch' }
  | { type: 'opened' }
  | { type: 'failed'; message: string }
  /** The microphone was unplugged, or the system took it. */
  | { type: 'lost'; message: string }
  | { type: 'dismiss' };

export const IDLE: TalkState = { kind: 'idle' };

export function wantsMicrophone(state: TalkState): boolean {
  return state.kind === 'starting' || state.kind === 'live';
}

export function isLatched(state: TalkState): boolean {
  return (state.kind === 'starting' || state.kind === 'live') && state.latched;
}

/** The state after an event. Events that make no sense in a state leave it as it is. */
export function nextTalk(state: TalkState, event: TalkEvent): TalkState {
  switch (event.type) {
    case 'press':
      // Pressing again after a problem is how people retry.
      if (!wantsMicrophone(state)) return { kind: 'starting', held: true, latched: false };
      return held(state, true);
    case 'release':
      return held(state, false);
    case 'toggle-latch':
      if (state.kind !== 'starting' && state.kind !== 'live')
        return { kind: 'starting', held: false, latched: true };
      return state.latched ? IDLE : { ...state, latched: true };
    case 'opened':
      // Whoever let go while the browser asked does not want to be heard any more.
      return state.kind === 'starting' ? { ...state, kind: 'live' } : state;
    case 'failed':
      // Also when the button was let go of before the answer: whoever tried to talk must learn why nobody heard.
      return state.kind === 'live' ? state : { kind: 'problem', message: event.message };
    case 'lost':
      return wantsMicrophone(state) ? { kind: 'problem', message: event.message } : state;
    case 'dismiss':
      return state.kind === 'problem' ? IDLE : state;
  }
}

function held(state: TalkState, isHeld: boolean): TalkState {
  if (state.kind !== 'starting' && state.kind !== 'live') return state;
  return isHeld || state.latched ? { ...state, held: isHeld } : IDLE;
}
