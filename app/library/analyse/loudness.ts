/**
 * Integrated loudness as EBU R 128 wants it: ITU-R BS.1770-4, K-weighting, blocks of 400 ms that overlap by three
 * quarters, an absolute gate at -70 LUFS and a relative one 10 LU below what passes it. Pure.
 */

export interface LoudnessMeter {
  /** Samples that follow on those before, one array a channel, -1…1. */
  add(channels: readonly Float32Array[]): void;
  /** What follows does not follow on: no block reaches across. */
  cut(): void;
  /** In LUFS; null when nothing was louder than the absolute gate. */
  integrated(): number | null;
  /** Largest absolute sample, linear. */
  readonly peak: number;
}

const ABSOLUTE_GATE_LUFS = -70;
const RELATIVE_GATE_LU = -10;
/** A block is four steps of 100 ms. */
const STEPS_A_BLOCK = 4;
const STEP_SECONDS = 0.1;
/** Annex 1: left, right and centre count once, the low frequencies of a 5.1 mix not at all, the surrounds 1.41 times. */
const WEIGHTS_5_1 = [1, 1, 1, 0, 1.41, 1.41];

export function createLoudnessMeter(rateHz: number, channelCount: number): LoudnessMeter {
  const filters = Array.from({ length: channelCount }, () => [shelf(rateHz), highPass(rateHz)] as const);
  const weights = channelCount === 6 ? WEIGHTS_5_1 : new Array<number>(channelCount).fill(1);
  const stepFrames = Math.round(STEP_SECONDS * rateHz);
  /** Mean squares of the last steps, the youngest last. */
  let steps: number[] = [];
  const blocks: number[] = [];
  let sum = 0;
  let frames = 0;
  let peak = 0;

  function step(): void {
    steps.push(sum / stepFrames);
    sum = 0;
    frames = 0;
    if (steps.length < STEPS_A_BLOCK) return;
    steps = steps.slice(-STEPS_A_BLOCK);
    blocks.push(steps.reduce((a, b) => a + b, 0) / STEPS_A_BLOCK);
  }

  return {
    add(channels) {
      const length = channels[0]?.length ?? 0;
      for (let n = 0; n < length; n++) {
        for (let c = 0; c < channelCount; c++) {
          const value = channels[c]?.[n] ?? 0;
          peak = Math.max(peak, Math.abs(value));
          const [first, second] = filters[c]!;
          const heard = run(second, run(first, value));
          sum += (weights[c] ?? 1) * heard * heard;
        }
        if (++frames === stepFrames) step();
      }
    },
    cut() {
      steps = [];
      sum = 0;
      frames = 0;
      for (const pair of filters) for (const filter of pair) filter.z1 = filter.z2 = 0;
    },
    integrated() {
      const audible = blocks.filter((power) => lufs(power) > ABSOLUTE_GATE_LUFS);
      if (audible.length === 0) return null;
      const gate = lufs(mean(audible)) + RELATIVE_GATE_LU;
      return lufs(mean(audible.filter((power) => lufs(power) > gate)));
    },
    get peak() {
      return peak;
    },
  };
}

function lufs(power: number): number {
  return -0.691 + 10 * Math.log10(power);
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Direct form II, transposed. */
interface Biquad {
  b0: number;
  b1: number;
  b2: number;
  a1: number;
  a2: number;
  z1: number;
  z2: number;
}

function run(filter: Biquad, x: number): number {
  const y = filter.b0 * x + filter.z1;
  filter.z1 = filter.b1 * x - filter.a1 * y + filter.z2;
  filter.z2 = filter.b2 * x - filter.a2 * y;
  return y;
}

/**
 * The head's shelf. BS.1770 gives coefficients for 48 kHz only; these are the analogue prototype's numbers, from which
 * the bilinear transform yields exactly those (De Man, "Evaluation of implementations of the EBU R128 loudness
 * measurement", AES 145).
 */
function shelf(rateHz: number): Biquad {
  const k = Math.tan((Math.PI * 1681.974450955533) / rateHz);
  const q = 0.7071752369554196;
  const vh = 10 ** (3.999843853973347 / 20);
  const vb = vh ** 0.4996667741545416;
  const a0 = 1 + k / q + k * k;
  return {
    b0: (vh + (vb * k) / q + k * k) / a0,
    b1: (2 * (k * k - vh)) / a0,
    b2: (vh - (vb * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
    z1: 0,
    z2: 0,
  };
}

function highPass(rateHz: number): Biquad {
  const k = Math.tan((Math.PI * 38.13547087602444) / rateHz);
  const q = 0.5003270373238773;
  const a0 = 1 + k / q + k * k;
  return { b0: 1, b1: -2, b2: 1, a1: (2 * (k * k - 1)) / a0, a2: (1 - k / q + k * k) / a0, z1: 0, z2: 0 };
}
