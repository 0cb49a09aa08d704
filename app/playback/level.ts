/** How loud a node is, for meters and rings. */

/**
 * Reads the level of `node` when called: its RMS over the last 21 ms (at 48 kHz) as 0…1, where 0 is `rangeDb` below full
 * scale and 1 is full scale, as ears count. `close` lets go of the node.
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
      const db = 10 * Math.log10(sum / window.length + 1e-12);
      return Math.min(1, Math.max(0, 1 + db / rangeDb));
    },
    close() {
      if (closed) return;
      closed = true;
      node.disconnect(analyser);
    },
  };
}
