/** Memory of what runs in the lab, and whether it grew. */
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import type { LabHost } from '../../tests/lan/lab.ts';

/** Proportional set size: what processes share is counted once among them. */
export async function memoryMiB(host: LabHost): Promise<number> {
  const pids = (await host.output('ip', ['netns', 'pids', host.netns]))
    .toString()
    .split('\n')
    .filter(Boolean);
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It ended between the two lines.
    }
  }
  return kib / 1024;
}

/** JavaScript's own part, after a collection. */
export async function heapMiB(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  try {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return usedSize / 2 ** 20;
  } finally {
    await session.detach();
  }
}

export const mean = (all: readonly number[]): number =>
  all.reduce((sum, one) => sum + one, 0) / Math.max(1, all.length);

/** The mean of the last third over that of the middle one; NaN of fewer than three. */
export function growth(samples: readonly number[]): number {
  const third = Math.floor(samples.length / 3);
  return third === 0
    ? Number.NaN
    : mean(samples.slice(-third)) / mean(samples.slice(samples.length - 2 * third, -third));
}
