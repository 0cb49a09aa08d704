import type { Unsubscribe } from './transport.ts';

/** A set of callbacks; adding the same function twice calls it twice. */
export function listeners<Args extends unknown[]>() {
  const all = new Set<(...args: Args) => void>();
  return {
    add(listener: (...args: Args) => void): Unsubscribe {
      const own = (...args: Args) => listener(...args);
      all.add(own);
      return () => void all.delete(own);
    },
    emit: (...args: Args) => [...all].forEach((listener) => listener(...args)),
    clear: () => all.clear(),
  };
}
