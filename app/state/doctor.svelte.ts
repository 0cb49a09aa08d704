import type { Finding, Observations, Path, Remedy } from '../doctor/judge.ts';
import type { DoctorLink, DoctorModel } from './model.ts';

/** What the doctor asks an open room for; read anew at each look. */
export interface PatientRoom {
  roomId: string;
  uplinkKey: string;
  /** Other devices that presence shows, and the connections to them. */
  links: () => readonly DoctorLink[];
  clock: () => Observations['clock'];
  storage: () => Promise<NonNullable<Observations['storage']>>;
}

export interface DoctorOptions {
  origin: string;
  version: string;
  /** The open room; null before there is one. */
  room: () => PatientRoom | null;
  remedies: Readonly<Record<Remedy, () => void | Promise<unknown>>>;
}

/** Looks at everything that could keep this device from the room. Its parts are loaded when they are first needed. */
export class Doctor implements DoctorModel {
  #options: DoctorOptions;
  #state = $state<DoctorModel['state']>('idle');
  #findings = $state.raw<readonly Finding[]>([]);
  #links = $state.raw<readonly DoctorLink[]>([]);
  #report = $state('');

  constructor(options: DoctorOptions) {
    this.#options = options;
  }

  get state(): DoctorModel['state'] {
    return this.#state;
  }
  get findings(): readonly Finding[] {
    return this.#findings;
  }
  get links(): readonly DoctorLink[] {
    return this.#links;
  }
  get report(): string {
    return this.#report;
  }

  look(): void {
    if (this.#state !== 'looking') void this.#look();
  }

  async remedy(remedy: Remedy): Promise<void> {
    await this.#options.remedies[remedy]();
    this.look();
  }

  async #look(): Promise<void> {
    this.#state = 'looking';
    const room = this.#options.room();
    let links: readonly DoctorLink[] = [];
    const readLinks = (): Observations['peers'] => {
      links = room?.links() ?? [];
      return links.map(({ path, roundTripMs }: { path: Path; roundTripMs: number | null }) => ({
        path,
        roundTripMs,
      }));
    };
    try {
      const [{ observe }, { judge, reportOf }] = await Promise.all([
        import('../doctor/probe.ts'),
        import('../doctor/judge.ts'),
      ]);
      const seen = await observe({
        origin: this.#options.origin,
        room: room && {
          roomId: room.roomId,
          uplinkKey: room.uplinkKey,
          peers: readLinks,
          clock: room.clock,
          storage: room.storage,
        },
      });
      this.#findings = judge(seen);
      this.#links = links;
      this.#report = reportOf(this.#findings, seen, {
        version: this.#options.version,
        browser: navigator.userAgent,
        at: new Date(seen.nowMs).toISOString(),
      });
      this.#state = 'done';
    } catch {
      this.#state = 'failed';
    }
  }
}
