/** What was refused, by path and reason: `/stream/status` shows it. Keys come from the code, never from the network. */
export interface Counters {
  count(path: string, reason: string): void;
  report(): Record<string, number>;
}

export function createCounters(): Counters {
  const counts = new Map<string, number>();
  return {
    count(path, reason) {
      const key = `${path} ${reason}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    },
    report: () => Object.fromEntries(counts),
  };
}
