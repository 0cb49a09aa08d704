/**
 * In one browser one tab offers host mode: two would mix and encode the same room twice on one machine, and fall together.
 * The next one waits, and takes over when the first is closed or stops. Web Locks API; where there is none, every tab may.
 */
export interface OneTab {
  /** `waiting`: another tab of this browser offers. */
  state(): 'off' | 'waiting' | 'ours';
  want(): void;
  release(): void;
  close(): void;
}

export function createOneTab(options: {
  name: string;
  locks: LockManager | undefined;
  onChange: () => void;
}): OneTab {
  const { name, locks, onChange } = options;
  let state: 'off' | 'asking' | 'waiting' | 'ours' = 'off';
  let letGo: (() => void) | null = null;

  function become(next: typeof state): void {
    if (state === next) return;
    state = next;
    onChange();
  }

  function want(): void {
    if (letGo) return;
    if (!locks) {
      letGo = () => undefined;
      return become('ours');
    }
    const abort = new AbortController();
    let unhold: () => void = () => undefined;
    const end = (): void => {
      abort.abort();
      unhold();
    };
    letGo = end;
    state = 'asking';
    const hold = (): Promise<void> => {
      if (letGo !== end) return Promise.resolve();
      become('ours');
      return new Promise((resolve) => (unhold = resolve));
    };
    const isFree = locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock === null) return false;
      await hold();
      return true;
    });
    isFree
      .then((wasFree) => {
        if (wasFree || letGo !== end) return;
        become('waiting');
        return locks.request(name, { signal: abort.signal }, hold);
      })
      // Aborted, or refused as in a page that is no secure context: then no other tab has it either.
      .catch(() => {
        if (letGo === end) become('ours');
      });
  }

  function release(): void {
    const end = letGo;
    letGo = null;
    end?.();
    become('off');
  }

  return {
    state: () => (state === 'asking' ? 'off' : state),
    want,
    release,
    close() {
      const end = letGo;
      letGo = null;
      state = 'off';
      end?.();
    },
  };
}
