/**
 * What keeps this device's own output below full scale, where several songs and voices meet: as it is up to a knee, bent
 * beyond it. Not the stream's limiter: that one works on the audio thread's worklets, which cost every device that listens
 * a buffer and a millisecond or two of delay; this has none and changes nothing that is not too loud.
 */

/** Up to there nothing is changed. */
const KNEE = 0.8;
/** The loudest that is still told from louder ones: 12 dB too much. */
const MOST = 4;
/** Odd, so that silence lies on one of them. */
const POINTS = 4_097;

/** The amplitude that leaves for one that comes: continuous, with a continuous slope, below 1. */
export function bend(value: number): number {
  const size = Math.abs(value);
  if (size <= KNEE) return value;
  return Math.sign(value) * (KNEE + (1 - KNEE) * Math.tanh((size - KNEE) / (1 - KNEE)));
}

/** Without delay (no oversampling). `input` and `output` are connected; `close` lets go of them. */
export function createSoftClip(context: BaseAudioContext): {
  input: AudioNode;
  output: AudioNode;
  close(): void;
} {
  const input = new GainNode(context, { gain: 1 / MOST });
  const curve = Float32Array.from({ length: POINTS }, (_, n) => bend(MOST * ((2 * n) / (POINTS - 1) - 1)));
  const output = new WaveShaperNode(context, { curve });
  input.connect(output);
  return {
    input,
    output,
    close() {
      input.disconnect();
      output.disconnect();
    },
  };
}
