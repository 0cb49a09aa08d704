import type { CredentialKind } from '../../signaling/protocol/credentials.ts';
import type { AccessAnswer, AccessProblem, AccessRequests } from './access.ts';
import type { AccessModel } from './model.ts';

/** Whether what was given works is known only after the node has tried it. */
const LOOK_MS = 3_000;
const NOT_LOADED: AccessAnswer = {
  kind: 'failed',
  problem: { field: null, says: 'A part of this page did not load. Reload the page.' },
};

export interface AccessOptions {
  /** Loaded with what it needs when it is first asked for: few rooms ever open this. */
  requests: () => Promise<AccessRequests>;
  /** This person may switch loudspeakers. */
  may: () => boolean;
}

/** What the node needs to be let in at Home Assistant and Alexa: whether it is there, never what it is. */
export class Access implements AccessModel {
  #options: AccessOptions;
  #state = $state.raw<AccessModel['state']>({ kind: 'asking' });
  #stops = new Set<() => void>();
  /** Of the question asked last, and of the youngest one that was answered. */
  #asked = 0;
  #answered = 0;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  get state(): AccessModel['state'] {
    return this.#state;
  }

  watch(): () => void {
    const look = (): void => {
      if (document.visibilityState === 'visible' && this.#options.may() && this.#state.kind !== 'elsewhere')
        void this.#ask((requests) => requests.list());
    };
    const timer = setInterval(look, LOOK_MS);
    const stop = (): void => {
      clearInterval(timer);
      this.#stops.delete(stop);
    };
    this.#stops.add(stop);
    look();
    return stop;
  }

  give(kind: CredentialKind, given: Readonly<Record<string, string>>): Promise<AccessProblem | null> {
    return this.#change((requests) => requests.set(kind, given));
  }
  forget(kind: CredentialKind): Promise<AccessProblem | null> {
    return this.#change((requests) => requests.forget(kind));
  }

  async #change(send: (requests: AccessRequests) => Promise<AccessAnswer>): Promise<AccessProblem | null> {
    if (!this.#options.may()) return { field: null, says: 'Only DJs change this in this room.' };
    const answer = await this.#ask(send);
    if (answer.kind === 'told') return null;
    return answer.kind === 'failed' ? answer.problem : { field: null, says: answer.says };
  }

  async #ask(question: (requests: AccessRequests) => Promise<AccessAnswer>): Promise<AccessAnswer> {
    const mine = ++this.#asked;
    const answer = await this.#options.requests().then(question, () => NOT_LOADED);
    // An older answer that comes late knows less.
    if (mine < this.#answered) return answer;
    this.#answered = mine;
    if (answer.kind === 'told') this.#state = { kind: 'ready', list: answer.list };
    else if (answer.kind === 'elsewhere') this.#state = answer;
    // What is known stays: somebody may be typing.
    else if (this.#state.kind !== 'ready') this.#state = { kind: 'failed', says: answer.problem.says };
    return answer;
  }

  close(): void {
    for (const stop of [...this.#stops]) stop();
  }
}
