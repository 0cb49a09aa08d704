/**
 * Hashes each complete track here once: its chunks are verified by a `chunksId`, which somebody's record says belongs to it,
 * and whether it does can be told only by the whole. Nobody waits for it, and a check that cannot be made says nothing of
 * the track: it is made again later, by the next session if need be.
 */
import { type Shelf, type Shelved, isComplete } from './shelf.ts';
import type { BlobMeta } from './store.ts';
import { createTimers } from './timers.ts';
import { isWhole } from './whole.ts';

const AGAIN_MS = 30_000;

export interface CheckerOptions {
  shelf: Shelf;
  /** What could not be checked is checked again after this long. */
  againMs?: number | undefined;
  /** These bytes are not those of the track; they are deleted next. */
  onWrong(meta: BlobMeta): void;
}

/** What was imported here was hashed by that. */
function isDue(blob: Shelved): boolean {
  const { kind, imported, checked } = blob.meta;
  return kind === 'track' && !imported && checked !== true && isComplete(blob);
}

export function createChecker({ shelf, againMs = AGAIN_MS, onWrong }: CheckerOptions): { close(): void } {
  const timers = createTimers();
  const resting = new Set<string>();
  let running = false;
  let closed = false;

  const next = () => [...shelf.all()].find((blob) => isDue(blob) && !resting.has(blob.meta.id));

  /** One after the other: it reads and computes, while something may play. */
  async function run(): Promise<void> {
    if (running) return;
    running = true;
    for (let blob = next(); blob && !closed; blob = next()) await check(blob);
    running = false;
  }

  async function check(blob: Shelved): Promise<void> {
    const { id } = blob.meta;
    try {
      const good = await isWhole(blob.meta, shelf);
      if (closed || shelf.get(id) !== blob) return;
      if (good) {
        await shelf.put({ ...blob.meta, checked: true });
        return;
      }
      onWrong(blob.meta);
      await shelf.delete(id);
    } catch {
      if (closed) return;
      resting.add(id);
      timers.after(againMs, () => {
        resting.delete(id);
        void run();
      });
    }
  }

  const unsubscribe = shelf.onChange((id) => {
    const blob = shelf.get(id);
    if (blob && isDue(blob)) void run();
  });

  return {
    close() {
      closed = true;
      unsubscribe();
      timers.close();
    },
  };
}
