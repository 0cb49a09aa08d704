/**
 * The heartbeat of who offers host mode, to every linked peer (channel `control`).
 *
 * Wire: 0: u8 0x62   1: JSON, UTF-8, as `Beat`.
 */
import * as v from 'valibot';
import { HostClaim } from '../session/schema.ts';

const MARK = 0x62;
const MAX_BYTES = 64;

/** `epoch`: with which this peer hosts now; null: it would host. */
const Beat = v.object({ epoch: v.nullable(HostClaim.entries.epoch) });
export type Beat = v.InferOutput<typeof Beat>;

export function encodeBeat(beat: Beat): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(beat));
  const out = new Uint8Array(1 + text.length);
  out[0] = MARK;
  out.set(text, 1);
  return out;
}

/** Null for anything else that goes over the channel. */
export function parseBeat(bytes: Uint8Array): Beat | null {
  if (bytes[0] !== MARK || bytes.length > MAX_BYTES) return null;
  try {
    const result = v.safeParse(Beat, JSON.parse(new TextDecoder().decode(bytes.subarray(1))));
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}
