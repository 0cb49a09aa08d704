import type { Microphone } from '../voice/microphone.ts';
import { IDLE, isLatched, nextTalk, wantsMicrophone, type TalkEvent, type TalkState } from '../voice/talk.ts';
import type { TalkModel } from './model.ts';

export interface TalkOptions {
  /** Called first thing in the tap, so that it may unlock the sound. */
  microphone: () => Microphone;
  /** The microphone is open to the room from now on (stream), or closed (null). */
  onLive: (stream: MediaStream | null) => void;
  audience: () => string;
}

/** Push-to-talk on this device: the pure machine of voice/talk.ts, tied to the microphone. */
export class Talk implements TalkModel {
  #options: TalkOptions;
  #machine = $state.raw<TalkState>(IDLE);
  #level = $state(0);
  #microphone: Microphone | null = null;
  #stopLost: (() => void) | null = null;

  constructor(options: TalkOptions) {
    this.#options = options;
  }

  get state(): TalkModel['state'] {
    return this.#machine.kind;
  }
  get latched(): boolean {
    return isLatched(this.#machine);
  }
  get message(): string | null {
    return this.#machine.kind === 'problem' ? this.#machine.message : null;
  }
  get level(): number {
    return this.#level;
  }
  get audience(): string {
    return this.#options.audience();
  }

  press(): void {
    this.#send({ type: 'press' });
  }
  release(): void {
    this.#send({ type: 'release' });
  }
  toggleLatch(): void {
    this.#send({ type: 'toggle-latch' });
  }
  dismiss(): void {
    this.#send({ type: 'dismiss' });
  }

  /** Reads the microphone's level, for whoever draws it. */
  measure(): void {
    const level = this.#machine.kind === 'live' ? (this.#microphone?.level() ?? 0) : 0;
    if (level !== this.#level) this.#level = level;
  }

  close(): void {
    this.#stopLost?.();
    if (wantsMicrophone(this.#machine)) this.#let();
    this.#machine = IDLE;
  }

  #send(event: TalkEvent): void {
    const before = this.#machine;
    const after = nextTalk(before, event);
    this.#machine = after;
    if (wantsMicrophone(after) && !wantsMicrophone(before)) void this.#open();
    if (!wantsMicrophone(after) && wantsMicrophone(before)) this.#let();
  }

  async #open(): Promise<void> {
    if (this.#microphone === null) {
      this.#microphone = this.#options.microphone();
      this.#stopLost = this.#microphone.onLost((message) => this.#send({ type: 'lost', message }));
    }
    const result = await this.#microphone.open();
    if (result.kind === 'problem') this.#send({ type: 'failed', message: result.message });
    if (result.kind !== 'live' || this.#machine.kind !== 'starting') return;
    this.#options.onLive(result.stream);
    this.#send({ type: 'opened' });
  }

  #let(): void {
    this.#options.onLive(null);
    this.#microphone?.release();
  }
}
