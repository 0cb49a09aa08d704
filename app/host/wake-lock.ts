/** Keeps the screen on while this device feeds the speakers: a phone that sleeps takes the music with it. */

export interface WakeLock {
  set(on: boolean): void;
  close(): void;
}

/** @param source `navigator.wakeLock`, or null where there is none. */
export function createWakeLock(
  source: { request(type: 'screen'): Promise<WakeLockSentinel> } | null,
): WakeLock {
  let wanted = false;
  let asking = false;
  let held: WakeLockSentinel | null = null;

  async function look(): Promise<void> {
    if (!source || asking) return;
    if (!wanted) {
      const releasing = held;
      held = null;
      await releasing?.release().catch(() => undefined);
      return;
    }
    // The system takes it away with the page's visibility, and refuses it until the page is seen again.
    if ((held && !held.released) || document.visibilityState !== 'visible') return;
    asking = true;
    held = await source.request('screen').catch(() => null);
    asking = false;
    if (!wanted) void look();
  }
  const again = (): void => void look();
  document.addEventListener('visibilitychange', again);

  return {
    set(on) {
      if (on === wanted) return;
      wanted = on;
      void look();
    },
    close() {
      wanted = false;
      document.removeEventListener('visibilitychange', again);
      void look();
    },
  };
}
