import type { Ear } from '../playback/trim/ear.ts';
import type { ChirpRequests } from '../playback/trim/requests.ts';
import type { openUnprocessed } from '../voice/microphone.ts';
import type { DeviceModel, EarModel, PeopleModel } from './model.ts';
import type { Notices } from './notices.svelte.ts';

export interface TrimByEarOptions {
  device: DeviceModel;
  people: Pick<PeopleModel, 'here'>;
  notices: Notices;
  requests: ChirpRequests;
  openMicrophone: () => ReturnType<typeof openUnprocessed>;
  /** While this device plays the room aloud; else null. */
  ear: () => Ear | null;
}

/** Finding this device's timing by ear, from the tap to what is done with the result. */
export class TrimByEar implements EarModel {
  #options: TrimByEarOptions;
  #state = $state.raw<EarModel['state']>({ kind: 'asking' });
  #running: AbortController | null = null;

  constructor(options: TrimByEarOptions) {
    this.#options = options;
  }

  get state(): EarModel['state'] {
    return this.#state;
  }

  get others(): EarModel['others'] {
    return this.#options.people.here
      .filter((person) => person.isListening && !person.isMe && !person.isAsleep)
      .sort((a, b) => Number(b.isHost) - Number(a.isHost))
      .map(({ peerId, name, device }) => ({ peerId, name, device }));
  }

  start(peerId: string | null): void {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#state = { kind: 'opening' };
    const over = (state: EarModel['state']): void => {
      if (this.#running !== running) return;
      this.#running = null;
      this.#state = state;
    };
    const onListening = (share: number): void => {
      if (this.#running === running) this.#state = { kind: 'listening', share };
    };
    import('./ear-attempt.ts')
      .then(({ attempt }) => attempt(this.#options, { peerId, signal: running.signal, onListening }))
      .then(over, () =>
        over({
          kind: 'problem',
          says: 'This browser could not listen.',
          remedy: 'Reload the page, or set the timing by hand.',
        }),
      );
  }

  reset(): void {
    this.#running?.abort();
    this.#running = null;
    this.#state = { kind: 'asking' };
  }

  take(): void {
    const { device, notices } = this.#options;
    if (this.#state.kind !== 'found') return;
    const { proposedTrimMs } = this.#state.finding;
    const before = device.trimMs;
    const changeMs = proposedTrimMs - before;
    device.setTrim(proposedTrimMs);
    notices.info(
      `This ${device.kind} plays ${Math.abs(changeMs)} ms ${changeMs < 0 ? 'later' : 'earlier'} now.`,
      { label: 'Undo', run: () => device.setTrim(before) },
    );
    this.reset();
  }

  close(): void {
    this.#running?.abort();
    this.#running = null;
  }
}
