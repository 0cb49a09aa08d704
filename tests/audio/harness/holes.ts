/**
 * Holes that Chromium itself leaves in what it renders: its audio thread does not wait for a lock that the main thread holds, and
 * puts out zeros for whole render quanta instead (AudioBufferSourceHandler::Process tries its lock). On a machine that is shared
 * the holder of the lock may be held back for some ms. Nothing of ours makes such a hole: what we begin, end or lay out late has an
 * edge that lies anywhere, or fades.
 */
const QUANTUM_FRAMES = 128;
const LONGEST_QUANTA = 8;
const MOST_HOLES = 3;
/** Below it a zero is no hole: the sound was that soft there. */
const EDGE = 1e-3;

/**
 * The samples with a straight line over each hole; unchanged when there are more than a few. `fromFrame`: of the context.
 */
export function overHoles(samples: Float32Array, fromFrame: number): Float32Array {
  const holes: [number, number][] = [];
  for (let n = 1; n < samples.length; n++) {
    if (samples[n] !== 0) continue;
    let end = n;
    while (end < samples.length && samples[end] === 0) end++;
    const isWhole = (fromFrame + n) % QUANTUM_FRAMES === 0 && (fromFrame + end) % QUANTUM_FRAMES === 0;
    const isHard = Math.max(Math.abs(samples[n - 1] ?? 0), Math.abs(samples[end] ?? 0)) > EDGE;
    if (isWhole && isHard && end < samples.length && end - n <= LONGEST_QUANTA * QUANTUM_FRAMES)
      holes.push([n, end]);
    n = end;
  }
  if (holes.length === 0 || holes.length > MOST_HOLES) return samples;
  console.info(
    `${holes.length} holes of Chromium's own: ${holes.map(([n, end]) => end - n).join(', ')} frames`,
  );
  const whole = samples.slice();
  for (const [n, end] of holes) {
    const [from = 0, to = 0] = [samples[n - 1], samples[end]];
    for (let k = n; k < end; k++) whole[k] = from + ((to - from) * (k - n + 1)) / (end - n + 1);
  }
  return whole;
}
