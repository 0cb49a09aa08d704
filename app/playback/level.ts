/** How loud a node is, for meters and rings. */

/** The level of a mean square: 0 is `rangeDb` below full scale and 1 is full scale, as ears count. */
export function levelOf(meanSquare: number, rangeDb = 48): number {
  return Math.min(1, Math.max(0, 1 + (10 * Math.log10(meanSquare + 1e-12)) / rangeDb));
}

/**
 * Reads the level of `node` when called: its RMS over the last 21 ms (at 48 kHz) as `levelOf` has it. `close` lets go of
 * the node.
 */
export function createLevelMeter(node: AudioNode, rangeDb = 48): { read(): number; close(): void } {
  const analyser = new AnalyserNode(node.context, { fftSize: 1_024 });
  const window = new Float32Array(analyser.fftSize);
  node.connect(analyser);
  let closed = false;
  return {
    read() {
      if (closed) return 0;
      analyser.getFloatTimeDomainData(window);
      let sum = 0;
      for (const value of window) sum += value * value;
      return levelOf(sum / window.length, rangeDb);
    },
    close() {
      if (closed) return;
      closed = true;
      node.disconnect(analyser);
    },
  };
}
