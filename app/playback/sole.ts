/**
 * One tab of a browser sounds: whichever was asked last. Two would play the room twice from one loudspeaker, some
 * milliseconds apart. Web Locks API; where there is none, every tab may sound.
 */
export interface Sole {
  /** This tab sounds from now on; whichever did is told by its `onLost`. */
  take(): void;
  release(): void;
  /** Whether another tab, or this one, sounds. */
  isTaken(): Promise<boolean>;
  close(): void;
}

export function createSole(options: {
  name: string;
  locks: LockManager | undefined;
  onLost: () => void;
}): Sole {
  const { name, locks, onLost } = options;
  let letGo: (() => void) | null = null;

  function release(): void {
    letGo?.();
    letGo = null;
  }

  return {
    take() {
      if (letGo || !locks) return;
      let isOurs = true;
      const held = new Promise<void>((resolve) => {
        letGo = () => {
          isOurs = false;
          resolve();
        };
      });
      // The request is rejected when another tab steals the lock.
      locks
        .request(name, { steal: true }, () => held)
        .catch(() => {
          if (!isOurs) return;
          letGo = null;
          onLost();
        });
    },
    release,
    async isTaken() {
      const state = await locks?.query();
      return state?.held?.some((lock) => lock.name === name) ?? false;
    },
    close: release,
  };
}
