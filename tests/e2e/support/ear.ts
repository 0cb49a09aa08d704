/** The end of what a listener heard, once there is that much of it: a connection gives its first bytes when it likes. */
import { toneMedianDbfs, type Listening, type Sound } from '../../fixtures/listen.ts';
import { until } from '../../fixtures/until.ts';

const LAST_MS = 800;

export function lastHeard(ear: Listening): Promise<Sound> {
  return until('a second of sound', async () => {
    const sound = await ear.sound(LAST_MS);
    return sound.durationMs > LAST_MS / 2 ? sound : null;
  });
}

/** Level of a tone in what was heard last, in dBFS; bent into step or not. */
export async function toneNow(ear: Listening, hz: number): Promise<number> {
  return toneMedianDbfs(await lastHeard(ear), hz);
}
