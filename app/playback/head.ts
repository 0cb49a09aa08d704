/** A track whose first seconds are decoded before anybody asks for them: it sounds the moment that its turn comes. */
import type { DecodedTrack, PcmBlock } from './decoded-track.ts';

/** Enough to begin with while the decoder starts behind it; 0.8 MB of stereo. */
const HEAD_SECONDS = 2;

export interface ReadyTrack extends DecodedTrack {
  /** Decodes the first seconds, unless they are there already. Never rejects: whoever plays the track finds out. */
  warm(): Promise<void>;
}

export function withHead(track: DecodedTrack): ReadyTrack {
  const abort = new AbortController();
  const headFrames = HEAD_SECONDS * track.sampleRateHz;
  let blocks: PcmBlock[] = [];
  let warming: Promise<void> | null = null;

  /** Ends its decoder with it: one that stood still for minutes would be taken away by the browser. */
  async function decodeHead(): Promise<void> {
    const decoded: PcmBlock[] = [];
    for await (const block of track.blocks(0, abort.signal)) {
      // A copy: a decoder may hand out the same memory again.
      decoded.push({ ...block, channels: block.channels.map((channel) => channel.slice()) });
      if (block.positionFrames + block.frames >= headFrames) break;
    }
    if (!abort.signal.aborted) blocks = decoded;
  }

  async function* fromHead(
    fromFrames: number,
    signal: AbortSignal,
  ): AsyncGenerator<PcmBlock, void, undefined> {
    const last = blocks.at(-1);
    const end = last ? last.positionFrames + last.frames : 0;
    const rest = track.blocks(Math.max(fromFrames, end), signal);
    if (fromFrames >= end) {
      yield* rest;
      return;
    }
    // The decoder gets going while the head is played.
    const following = rest.next();
    following.catch(() => undefined);
    try {
      for (const block of blocks) {
        const skip = Math.max(0, fromFrames - block.positionFrames);
        if (skip >= block.frames || signal.aborted) continue;
        const channels = block.channels.map((channel) => channel.subarray(skip));
        yield { positionFrames: block.positionFrames + skip, frames: block.frames - skip, channels };
      }
      const first = await following;
      if (first.done) return;
      yield first.value;
      yield* rest;
    } finally {
      await rest.return();
    }
  }

  return {
    sampleRateHz: track.sampleRateHz,
    channelCount: track.channelCount,
    method: track.method,
    blocks: fromHead,
    warm: () => (warming ??= decodeHead().catch(() => void (warming = null))),
    close() {
      abort.abort();
      blocks = [];
      track.close();
    },
  };
}
