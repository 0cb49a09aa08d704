/** What labs wait for: that phones are linked, and that each has what the others edited. */
import { until } from '../fixtures/until.ts';
import type { MeshPhone } from './mesh-lab.ts';

/** What the room may take to be whole again. */
export const BACK_MS = 15_000;

export async function meet(all: readonly MeshPhone[], deadlineMs = BACK_MS): Promise<void> {
  for (const phone of all) {
    const others = all.filter((other) => other !== phone).map((other) => other.selfId);
    await until(
      `${phone.host.name} to meet everyone`,
      async () => {
        const peers = await phone.ask('peers');
        return others.every((id) => peers.includes(id));
      },
      { deadlineMs },
    );
  }
}

/** @param keys of edits that all have to have */
export async function converged(
  all: readonly MeshPhone[],
  keys: readonly string[],
  deadlineMs = BACK_MS,
): Promise<void> {
  for (const phone of all) {
    await until(
      `${phone.host.name} to have every edit`,
      async () => {
        const doc = await phone.ask('docJson');
        return keys.every((key) => key in doc);
      },
      { deadlineMs },
    );
  }
}

export const present = async (phone: MeshPhone, other: MeshPhone): Promise<boolean> =>
  other.selfId in (await phone.ask('presences'));
