/** Between the bench and the processes that hold its peers. */
import type { SentMessages } from './rtc-globals.ts';

export type Mesh = 'earshot' | 'y-webrtc';

export interface CrowdKeys {
  roomId: string;
  signalingKey: string;
  meshKey: number[];
}

export type ToPeers =
  | { type: 'join'; mesh: Mesh; selfIds: string[]; origin: string; keys: CrowdKeys }
  | { type: 'edit'; at: number; key: string }
  | { type: 'count' };

/** Times are `monotonicMs()`, which is one clock for all processes of a machine. */
export type FromPeers =
  | { type: 'ready' }
  /** Each of this process's peers is linked with at least so many others. */
  | { type: 'linked'; others: number }
  | { type: 'edited'; key: string; atMs: number }
  /** The last of this process's peers has the edit. */
  | { type: 'has'; key: string; atMs: number }
  | { type: 'counted'; sent: SentMessages; rssMiB: number };

export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
