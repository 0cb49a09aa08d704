import type { AppModel } from './model.ts';

/** Everything that exists only once a room is open. */
export type RoomParts = Pick<
  AppModel,
  | 'room'
  | 'people'
  | 'now'
  | 'queue'
  | 'music'
  | 'talk'
  | 'host'
  | 'desk'
  | 'speakers'
  | 'access'
  | 'roomFile'
  | 'ear'
  | 'say'
>;

export type AppParts = Pick<AppModel, 'device' | 'notices' | 'rooms' | 'doctor'>;

/** The whole of what the screens see. The room's parts may be read from the stages `naming` and `ready` on. */
export class App implements AppModel {
  readonly device: AppModel['device'];
  readonly notices: AppModel['notices'];
  readonly rooms: AppModel['rooms'];
  readonly doctor: AppModel['doctor'];
  #stage = $state<AppModel['stage']>('opening');
  #problem = $state<string | null>(null);
  #parts = $state.raw<RoomParts | null>(null);

  constructor({ device, notices, rooms, doctor }: AppParts) {
    this.device = device;
    this.notices = notices;
    this.rooms = rooms;
    this.doctor = doctor;
  }

  get stage(): AppModel['stage'] {
    return this.#stage;
  }
  get problem(): string | null {
    return this.#problem;
  }
  get room(): AppModel['room'] {
    return this.#opened().room;
  }
  get people(): AppModel['people'] {
    return this.#opened().people;
  }
  get now(): AppModel['now'] {
    return this.#opened().now;
  }
  get queue(): AppModel['queue'] {
    return this.#opened().queue;
  }
  get music(): AppModel['music'] {
    return this.#opened().music;
  }
  get talk(): AppModel['talk'] {
    return this.#opened().talk;
  }
  get host(): AppModel['host'] {
    return this.#opened().host;
  }
  get speakers(): AppModel['speakers'] {
    return this.#opened().speakers;
  }
  get desk(): AppModel['desk'] {
    return this.#opened().desk;
  }
  get access(): AppModel['access'] {
    return this.#opened().access;
  }
  get ear(): AppModel['ear'] {
    return this.#opened().ear;
  }
  get say(): AppModel['say'] {
    return this.#opened().say;
  }
  get roomFile(): AppModel['roomFile'] {
    return this.#opened().roomFile;
  }

  fail(stage: 'no-room' | 'unsupported' | 'moved', problem: string): void {
    this.#problem = problem;
    this.#stage = stage;
  }
  open(parts: RoomParts, isNamed: boolean): void {
    this.#parts = parts;
    this.#stage = isNamed ? 'ready' : 'naming';
  }
  /** The room is being closed. Its parts stay readable until the next one's take their place. */
  shut(): void {
    this.#stage = 'opening';
    this.#problem = null;
  }
  named(): void {
    if (this.#stage === 'naming') this.#stage = 'ready';
  }

  #opened(): RoomParts {
    if (this.#parts === null) throw new Error('the room is read before it is open');
    return this.#parts;
  }
}
