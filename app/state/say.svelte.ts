import type { MicrophoneOpened } from '../voice/microphone.ts';
import type { SayModel } from './model.ts';
import type { Recording } from './say-recording.ts';

export interface SayOptions {
  roomId: string;
  uplinkKey: string;
  /** This person may switch loudspeakers. */
  may: () => boolean;
  openMicrophone: () => Promise<MicrophoneOpened>;
}

/** Something spoken here for loudspeakers, from the tap to what became of it. */
export class Say implements SayModel {
  #options: SayOptions;
  #state = $state.raw<SayModel['state']>({ kind: 'ready' });
  #recording: Recording | null = null;
  /** What began before the last `reset` changes nothing any more. */
  #attempt = 0;

  constructor(options: SayOptions) {
    this.#options = options;
  }

  get state(): SayModel['state'] {
    return this.#state;
  }

  record(): void {
    if (!this.#options.may()) return;
    this.reset();
    const show = this.#shower();
    show({ kind: 'opening' });
    import('./say-recording.ts')
      .then(({ startRecording }) => startRecording(this.#options.openMicrophone, show))
      .then((recording) => {
        if (show(null)) this.#recording = recording;
        else recording?.close();
      })
      .catch(() => show({ kind: 'problem', says: 'This browser could not record. Reload the page.' }));
  }

  send(speakerIds: readonly string[]): void {
    const recording = this.#recording;
    if (recording === null || speakerIds.length === 0) return;
    this.#recording = null;
    const show = this.#shower();
    show({ kind: 'sending' });
    const { roomId, uplinkKey } = this.#options;
    recording
      .send({ roomId, uplinkKey, speakerIds: [...speakerIds] })
      .then(show, () => show({ kind: 'problem', says: 'This browser could not send it. Reload the page.' }));
  }

  /** Shows a state, unless `reset` was called since; says whether it was not. */
  #shower(): (state: SayModel['state'] | null) => boolean {
    const mine = this.#attempt;
    return (state) => {
      if (this.#attempt === mine && state !== null) this.#state = state;
      return this.#attempt === mine;
    };
  }

  reset(): void {
    this.#attempt++;
    this.#recording?.close();
    this.#recording = null;
    this.#state = { kind: 'ready' };
  }

  close(): void {
    this.reset();
  }
}
