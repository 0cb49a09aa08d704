/** What this device can say for itself as a host: on mains power, on screen. */

/** Battery Status API (W3C); Chromium only, and not in TypeScript's DOM library. */
interface BatteryManager extends EventTarget {
  readonly charging: boolean;
}
interface BatteryNavigator {
  getBattery?(): Promise<BatteryManager>;
}

export interface Candidacy {
  current(): { visible: boolean; pluggedIn: boolean };
  close(): void;
}

/** A device that cannot tell counts as plugged in when it is a laptop or larger, and as unplugged when it is hand-held. */
export function watchCandidacy(options: { handHeld: boolean; onChange: () => void }): Candidacy {
  const abort = new AbortController();
  const { signal } = abort;
  let pluggedIn = !options.handHeld;
  document.addEventListener('visibilitychange', options.onChange, { signal });
  void (navigator as BatteryNavigator)
    .getBattery?.()
    .then((battery) => {
      const read = (): void => {
        if (signal.aborted) return;
        pluggedIn = battery.charging;
        options.onChange();
      };
      battery.addEventListener('chargingchange', read, { signal });
      read();
    })
    .catch(() => undefined);
  return {
    current: () => ({ visible: document.visibilityState === 'visible', pluggedIn }),
    close: () => abort.abort(),
  };
}
