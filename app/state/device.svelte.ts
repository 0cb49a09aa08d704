import type { DeviceKind, DeviceModel } from './model.ts';
import type { KeptStore } from './kept.ts';

/** Chromium's event for the install prompt; not in TypeScript's DOM library. */
interface InstallPromptEvent extends Event {
  prompt(): Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

export interface DeviceOptions {
  kept: KeptStore;
  version: string;
  onListening: (on: boolean) => void;
  onVolume: (volume: number) => void;
  onTrim: (trimMs: number) => void;
  /** Takes the newest version on and reloads. */
  onApplyUpdate: () => void;
}

/** Bluetooth loudspeakers are up to some 300 ms late. */
const MOST_TRIM_MS = 500;

/** This device: its output, its look, whether the app is installed and up to date. */
export class Device implements DeviceModel {
  readonly kind: DeviceKind = deviceKind();
  #options: DeviceOptions;
  #abort = new AbortController();
  #installEvent: InstallPromptEvent | null = null;
  #listening = $state(false);
  #volume = $state(0.8);
  readonly mostTrimMs = MOST_TRIM_MS;
  #trimMs = $state(0);
  #online = $state(true);
  #theme = $state<DeviceModel['theme']>('system');
  #install = $state<DeviceModel['install']>('unavailable');
  #update = $state<DeviceModel['update']>('none');

  constructor(options: DeviceOptions) {
    this.#options = options;
    const kept = options.kept.read();
    this.#volume = kept.volume;
    this.#trimMs = kept.trimMs;
    this.#theme = kept.theme;
    this.#online = navigator.onLine;
    this.#install = isInstalled() ? 'installed' : isIos() ? 'ios' : 'unavailable';
    const { signal } = this.#abort;
    addEventListener('online', () => (this.#online = true), { signal });
    addEventListener('offline', () => (this.#online = false), { signal });
    addEventListener(
      'beforeinstallprompt',
      (event) => {
        event.preventDefault();
        this.#installEvent = event as InstallPromptEvent;
        this.#install = 'offered';
      },
      { signal },
    );
    addEventListener(
      'appinstalled',
      () => {
        this.#installEvent = null;
        this.#install = 'installed';
      },
      { signal },
    );
  }

  get listening(): boolean {
    return this.#listening;
  }
  get volume(): number {
    return this.#volume;
  }
  get trimMs(): number {
    return this.#trimMs;
  }
  readonly background = backgroundWords();
  get online(): boolean {
    return this.#online;
  }
  get theme(): DeviceModel['theme'] {
    return this.#theme;
  }
  get install(): DeviceModel['install'] {
    return this.#install;
  }
  get version(): string {
    return this.#options.version;
  }
  get update(): DeviceModel['update'] {
    return this.#update;
  }

  setListening(on: boolean): void {
    if (on === this.#listening) return;
    this.#listening = on;
    this.#options.kept.update({ listening: on });
    this.#options.onListening(on);
  }

  /** Another tab took over; what is kept stays, since this device goes on listening. */
  yieldListening(): void {
    this.#listening = false;
    this.#options.onListening(false);
  }

  setVolume(volume: number): void {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#options.kept.update({ volume: this.#volume });
    this.#options.onVolume(this.#volume);
  }

  setTrim(trimMs: number): void {
    this.#trimMs = Math.min(MOST_TRIM_MS, Math.max(-MOST_TRIM_MS, Math.round(trimMs)));
    this.#options.kept.update({ trimMs: this.#trimMs });
    this.#options.onTrim(this.#trimMs);
  }

  setTheme(theme: DeviceModel['theme']): void {
    this.#theme = theme;
    this.#options.kept.update({ theme });
  }

  promptInstall(): void {
    void this.#installEvent?.prompt();
  }

  offerUpdate(how: 'ready' | 'elsewhere'): void {
    // Where another tab has moved on, a newer one still comes with the same reload.
    if (this.#update !== 'elsewhere') this.#update = how;
  }

  applyUpdate(): void {
    this.#options.onApplyUpdate();
  }

  async copy(text: string): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  }

  async share(title: string, url: string): Promise<boolean> {
    if (typeof navigator.share !== 'function') return false;
    try {
      await navigator.share({ title, url });
      return true;
    } catch (error) {
      // Closing the share sheet is an answer, not a failure.
      return error instanceof DOMException && error.name === 'AbortError';
    }
  }

  close(): void {
    this.#abort.abort();
  }
}

function isIos(): boolean {
  return (
    /iPhone|iPad|iPod/.test(navigator.userAgent) ||
    (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)
  );
}

/** As far as it is known: no browser tells. */
function backgroundWords(): string {
  if (isIos()) {
    return 'With the screen locked, iOS should let Earshot play on, but may stop it when another app sounds or after a pause. Your microphone goes silent. Open Earshot again, and it is back in step.';
  }
  if (deviceKind() !== 'laptop') {
    return 'With the screen off, Android should let Earshot play on; a strict battery saver may stop it. Open Earshot again, and it is back in step.';
  }
  return 'Earshot plays on behind other windows. When the lid is closed or the computer sleeps, it stops, and comes back in step.';
}

function isInstalled(): boolean {
  return matchMedia('(display-mode: standalone)').matches;
}

function deviceKind(): DeviceKind {
  if (
    /iPad|Tablet/.test(navigator.userAgent) ||
    (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1)
  )
    return 'tablet';
  if (/Android(?!.*Mobile)/.test(navigator.userAgent)) return 'tablet';
  return /Mobi|iPhone|Android/.test(navigator.userAgent) ? 'phone' : 'laptop';
}
