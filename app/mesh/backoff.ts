const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;

/** How long to wait after `failures` failed attempts in a row (1, 2, …): doubling, capped, half of it random. */
export function backoffMs(failures: number, random: () => number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return full / 2 + (full / 2) * random();
}
