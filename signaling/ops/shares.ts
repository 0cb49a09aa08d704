/** How much of something scarce one address may hold at a time, so that the rest stays for the others. Pure. */
export interface Shares {
  /** Null: this address holds its share already. Otherwise gives it back; harmless when called twice. */
  take(address: string): (() => void) | null;
}

/** A quarter: a household behind one router fits in, and it takes four addresses to leave nothing. */
export const shareOf = (all: number): number => Math.max(1, Math.floor(all / 4));

/** @param isExempt addresses without a bound, e.g. of a proxy that speaks for everybody */
export function createShares(most: number, isExempt: (address: string) => boolean): Shares {
  const held = new Map<string, number>();
  return {
    take(address) {
      if (isExempt(address)) return () => {};
      const count = held.get(address) ?? 0;
      if (count >= most) return null;
      held.set(address, count + 1);
      let isBack = false;
      return () => {
        if (isBack) return;
        isBack = true;
        const left = (held.get(address) ?? 1) - 1;
        if (left === 0) held.delete(address);
        else held.set(address, left);
      };
    },
  };
}
