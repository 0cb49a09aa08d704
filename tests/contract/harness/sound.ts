import type { VoiceKit } from '../driver.ts';

/** Makes and measures real sound in a page. */
export function createSoundKit(): VoiceKit {
  const context = new AudioContext();

  return {
    tone(hz) {
      const out = context.createMediaStreamDestination();
      const oscillator = new OscillatorNode(context, { frequency: hz });
      oscillator.connect(new GainNode(context, { gain: 0.5 })).connect(out);
      oscillator.start();
      return out.stream;
    },
    listen(stream) {
      // Chromium gives Web Audio silence from a remote stream that no media element plays (FACTS.md).
      const element = new Audio();
      element.muted = true;
      element.srcObject = stream;
      void element.play();
      const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
      context.createMediaStreamSource(stream).connect(analyser);
      const bins = new Float32Array(analyser.frequencyBinCount);
      return () => {
        analyser.getFloatFrequencyData(bins);
        const peak = bins.reduce((best, db, bin) => (db > (bins[best] ?? -Infinity) ? bin : best), 0);
        const peakDb = bins[peak] ?? -Infinity;
        return {
          peakHz: (peak * context.sampleRate) / analyser.fftSize,
          peakDb: Number.isFinite(peakDb) ? peakDb : -200,
        };
      };
    },
  };
}
