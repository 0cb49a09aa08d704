/** How the mix is set as long as nobody has set it, and what the host's meters show. */
import type { Mix } from '../session/schema.ts';

export const DEFAULT_MIX: Mix = { music: 1, voice: 1, duckDb: 12 };

/** RMS as 0…1 over the range from −48 dB to full scale. */
export interface HostLevels {
  /** After it stepped back. */
  music: number;
  voice: number;
  effects: number;
  /** What goes to the loudspeakers, after the limiter. */
  output: number;
  /** By how much the limiter turned that down at most since the last look, in dB: 0 and more. */
  limitedDb: number;
}

export const NO_LEVELS: HostLevels = { music: 0, voice: 0, effects: 0, output: 0, limitedDb: 0 };
