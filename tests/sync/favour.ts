/**
 * Real systems give the threads that feed a sound card precedence over everything else (rtkit, on Linux). A container
 * has nobody who grants it, so that any load tears the sound into pieces that no recording can compare. As root the
 * threads get it here; the rest of the browser, which has to keep in step, competes like everything else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const SOUND_THREAD = /^(Audio|ThreadPoolAudio|PulseAudio|threaded-ml)/;
const PRIORITY = -19;
const EVERY_MS = 1_000;
/** Threads are named soon after they begin; who looks at thousands of them for ever is a load itself. */
const LOOKS = 5;

/** Favours the sound threads of every process whose environment, or whose ancestor's, holds `mark`. */
export function favourSound(mark: string): { close(): void } {
  if (process.getuid?.() !== 0) return { close: () => undefined };
  const looks = new Map<string, number>();
  const family = createFamily(mark);
  const timer = setInterval(() => {
    for (const pid of family.look()) {
      for (const thread of list(`/proc/${pid}/task`)) {
        const seen = looks.get(thread) ?? 0;
        if (seen >= LOOKS) continue;
        looks.set(thread, seen + 1);
        if (!SOUND_THREAD.test(read(`/proc/${pid}/task/${thread}/comm`))) continue;
        looks.set(thread, LOOKS);
        try {
          setPriority(Number(thread), PRIORITY);
        } catch {
          // It has ended meanwhile.
        }
      }
    }
  }, EVERY_MS);
  return { close: () => clearInterval(timer) };
}

/** The processes with the mark and all that descend from them; each process is asked once. */
function createFamily(mark: string): { look(): ReadonlySet<string> } {
  const parents = new Map<string, string>();
  const family = new Set<string>();
  return {
    look() {
      const running = new Set(list('/proc').filter((name) => /^\d+$/.test(name)));
      for (const known of [...parents.keys()].filter((pid) => !running.has(pid))) {
        parents.delete(known);
        family.delete(known);
      }
      for (const pid of running) {
        if (parents.has(pid)) continue;
        // The program's name may hold spaces and brackets: fields count from the last one.
        const stat = read(`/proc/${pid}/stat`);
        parents.set(pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? '');
        if (read(`/proc/${pid}/environ`).includes(mark)) family.add(pid);
      }
      for (let before = -1; before !== family.size;) {
        before = family.size;
        for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid);
      }
      return family;
    },
  };
}

/** Processes end while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
