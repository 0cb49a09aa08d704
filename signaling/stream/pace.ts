/**
 * How far the stream has run ahead of real time, and so when silence is due and when frames are too many. Pure.
 *
 * Every listener plays at real time: frames that are missing drain its buffer, frames too many become latency that never
 * goes away. So a gap is filled with silence, and so is what a host that delivers less than real time has fallen behind by as much.
 * What comes late after all, in the place of silence, is dropped: that is nearly all that is ahead of real time, as long as no
 * more is dropped than silence was put in. It would otherwise leave as much latency each time as jitter is granted.
 */
/** A host's frame may be this late, and its stream this far behind, before silence takes the place of what is missing. */
export const GAP_MS = 250;
/** Frames further ahead than this are dropped: wider than the jitter of a Wi-Fi, narrower than a gap. */
export const MAX_LEAD_MS = 240;
/** After silence: a usual MP3 frame, or as long a group of pieces that came in one packet. */
const RESUMING_LEAD_MS = 24;
/**
 * For so long: a host that begins on a busy device is late at first, and would be that much ahead for good once it is not.
 * Afterwards what has not come is lost.
 */
const RESUMING_MS = 2_000;
/**
 * This node stood still for longer: the machine slept. For less than that listeners get all that they missed, or every stall
 * would drain their buffers for good; one whose buffer was shorter than the stall plays by the difference later from then on.
 */
const SLEPT_MS = 2_000;
/** After a machine slept its listeners have run dry: more than this would only be played late. */
const MADE_UP_MS = 300;
/** After a stall of this node's own: what the host has sent meanwhile is read, and goes out to every listener, by then. */
const CATCH_UP_MS = 500;
/**
 * Lets a host's clock be fast by this share without ever losing a frame: of what is further ahead than this. Below it is what each
 * new host is ahead by as it begins, which would add up.
 */
const FORGIVEN_SHARE = 0.01;
const FORGIVEN_FROM_MS = 60;

export interface Pace {
  /** A host's frame is here: true when it belongs in the stream, false when it comes on top of real time. */
  takeHostFrame(nowMs: number): boolean;
  /** How many silent frames are due now; they count as sent. */
  takeSilence(nowMs: number): number;
  /** This node stood still for so long until now: what a host has sent meanwhile has still to be read. */
  stoodStill(forMs: number, nowMs: number): void;
  /** Nobody listened until now: nothing has been missed. */
  begin(nowMs: number): void;
  /** The host is gone: do not wait for its next frame. */
  hostGone(): void;
}

/** @param nowMs monotonic, as every time here */
export function createPace(nowMs: number, frameMs: number): Pace {
  let leadMs = 0;
  let atMs = nowMs;
  let hostFrameAtMs = Number.NEGATIVE_INFINITY;
  /** So much silence has taken the place of what may still come. */
  let filledMs = 0;
  /** Of it some since the host's last frame. */
  let isFilled = false;
  let excused = { ms: 0, untilMs: Number.NEGATIVE_INFINITY };
  /** When sound resumed after silence. */
  let resumedAtMs = Number.NEGATIVE_INFINITY;

  function advance(now: number): void {
    const passedMs = Math.max(0, now - atMs);
    atMs = now;
    leadMs -= passedMs;
    if (leadMs > FORGIVEN_FROM_MS) leadMs = Math.max(FORGIVEN_FROM_MS, leadMs - passedMs * FORGIVEN_SHARE);
    if (leadMs < -SLEPT_MS) leadMs = -MADE_UP_MS;
  }

  return {
    takeHostFrame(now) {
      advance(now);
      hostFrameAtMs = now;
      if (isFilled) resumedAtMs = now;
      isFilled = false;
      if (now - resumedAtMs >= RESUMING_MS) filledMs = 0;
      const isResuming = filledMs > 0;
      if (leadMs > (isResuming ? RESUMING_LEAD_MS : MAX_LEAD_MS)) {
        if (isResuming) filledMs -= frameMs;
        return false;
      }
      leadMs += frameMs;
      return true;
    },
    takeSilence(now) {
      advance(now);
      const lateMs = GAP_MS + (now < excused.untilMs ? excused.ms : 0);
      const grantedMs = now - hostFrameAtMs < GAP_MS ? lateMs : 0;
      const due = Math.max(0, Math.ceil((-leadMs - grantedMs) / frameMs));
      leadMs += due * frameMs;
      filledMs += due * frameMs;
      if (due > 0) isFilled = true;
      return due;
    },
    stoodStill(forMs, now) {
      excused = { ms: Math.min(forMs, SLEPT_MS), untilMs: now + CATCH_UP_MS };
    },
    begin(now) {
      advance(now);
      leadMs = Math.max(leadMs, 0);
    },
    hostGone() {
      hostFrameAtMs = Number.NEGATIVE_INFINITY;
    },
  };
}
