/** Web Locks as far as the app asks for them: exclusive, in the order of asking. Node has none before version 24. */
export function createLocks(): Pick<LockManager, 'request'> {
  const lines = new Map<string, Set<Promise<void>>>();

  async function request<T>(
    name: string,
    { ifAvailable, signal }: LockOptions,
    work: (lock: Lock | null) => T,
  ): Promise<Awaited<T>> {
    const line = lines.get(name) ?? new Set();
    lines.set(name, line);
    if (ifAvailable && line.size > 0) return await work(null);
    let leave = () => {};
    const turn = new Promise<void>((resolve) => (leave = resolve));
    const before = [...line];
    line.add(turn);
    try {
      signal?.throwIfAborted();
      const aborted = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      );
      if (before.length > 0) await Promise.race([Promise.all(before), aborted]);
      return await work({ name, mode: 'exclusive' });
    } finally {
      line.delete(turn);
      leave();
    }
  }

  return { request: request as LockManager['request'] };
}
