/**
 * Real systems give the threads that feed a sound card precedence over everything else (rtkit, on Linux). A container
 * has nobody who grants it, so that any load tears the sound into pieces that no recording can compare. As root the
 * threads get it here; the rest of the browser, which has to keep in step, competes like everything else.
 *
 * Round robin, as rtkit gives it. A nice level would not do: it counts only among the threads of one session
 * (`sched_autogroup_enabled`), and each browser is a session of its own. At -19 they waited for a third of the time.
 */
import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const SOUND_THREAD = /^(Audio|ThreadPoolAudio|PulseAudio|threaded-ml)/;
const PRIORITY = '5';
const EVERY_MS = 1_000;
/** Threads are named soon after they begin; who looks at thousands of them for ever is a load itself. */
const LOOKS = 5;

const isRoot = process.getuid?.() === 0;

/** All threads that a process has by now take precedence, or do so no longer. Only root may ask for that. */
export function favourProcess(pid: number, isFavoured = true): void {
  if (!isRoot) return;
  const how = isFavoured
    ? ['--rr', '--all-tasks', '--pid', PRIORITY]
    : ['--other', '--all-tasks', '--pid', '0'];
  execFileSync('chrt', [...how, `${pid}`]);
}

/** Favours the sound threads of every process whose environment, or whose ancestor's, holds `mark`. */
export function favourSound(mark: string): { close(): void } {
  if (!isRoot) return { close: () => undefined };
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
        // Those that the browser itself made so stay as they are. One that has ended meanwhile needs nothing.
        if (isOrdinary(pid, thread)) execFile('chrt', ['--rr', '--pid', PRIORITY, thread], () => undefined);
      }
    }
  }, EVERY_MS);
  return { close: () => clearInterval(timer) };
}

/** Whether it shares the processor like everything else: SCHED_OTHER, the 41st field. */
function isOrdinary(pid: string, thread: string): boolean {
  return fieldsOf(read(`/proc/${pid}/task/${thread}/stat`))[38] === '0';
}

/** Of a stat file, from the third on: the program's name before them may hold spaces and brackets. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
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
        parents.set(pid, fieldsOf(read(`/proc/${pid}/stat`))[1] ?? '');
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
