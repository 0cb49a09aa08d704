/** What decoding gives, whichever way it is done. */

/** Samples in a row: `positionFrames` counts from the start of the music, at the track's own sample rate. */
export interface PcmBlock {
  positionFrames: number;
  frames: number;
  /** One array a channel, each `frames` long. */
  channels: readonly Float32Array[];
}

export interface DecodedTrack {
  readonly sampleRateHz: number;
  readonly channelCount: number;
  /** Which way it is decoded: a block at a time, or the whole at once. */
  readonly method: 'streamed' | 'whole';
  /**
   * Contiguous blocks from `fromFrames` on, to the end of the music. Readers do not disturb each other. Ends early when
   * `signal` fires. Rejects when the bytes cannot be had or decoded.
   */
  blocks(fromFrames: number, signal: AbortSignal): AsyncGenerator<PcmBlock, void, undefined>;
  close(): void;
}

/** The bytes are here, but they are not audio that this browser can decode. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/** The part of the app that decodes could not be loaded: the node is away, and nothing had kept it here. */
export class NotLoadedError extends Error {
  override readonly name = 'NotLoadedError';
}

/** It has to be decoded as a whole here, and that would take more memory than a telephone has. */
export class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

/** It would have to be decoded as a whole, and that was not wanted. */
export class NotStreamedError extends Error {
  override readonly name = 'NotStreamedError';
}

export interface Placement {
  sampleRateHz: number;
  /** Where the music begins in what the decoder gives, in samples. */
  startFrames: number;
  lengthFrames: number | null;
}
