/** What a host sends to the loudspeakers to hear whether they are there: two bells, E and C, as at a door. */
const NOTES = [
  { hz: 659.26, atSeconds: 0 },
  { hz: 523.25, atSeconds: 0.45 },
] as const;
/** A bar's overtones, nearly (N. Fletcher, T. Rossing, "The Physics of Musical Instruments", section 19.4). */
const PARTIALS = [
  { ratio: 1, amplitude: 0.3, seconds: 1.1 },
  { ratio: 2.76, amplitude: 0.1, seconds: 0.5 },
] as const;
const ATTACK_SECONDS = 0.004;

/** Plays it once into `destination`; it cleans up after itself. */
export function playChime(context: AudioContext, destination: AudioNode): void {
  for (const { hz, atSeconds } of NOTES) {
    for (const { ratio, amplitude, seconds } of PARTIALS) {
      const from = context.currentTime + atSeconds;
      const tone = new OscillatorNode(context, { frequency: hz * ratio });
      const swell = new GainNode(context, { gain: 0 });
      swell.gain.setValueAtTime(0, from);
      swell.gain.linearRampToValueAtTime(amplitude, from + ATTACK_SECONDS);
      swell.gain.exponentialRampToValueAtTime(amplitude / 1_000, from + seconds);
      tone.connect(swell).connect(destination);
      tone.onended = () => swell.disconnect();
      tone.start(from);
      tone.stop(from + seconds);
    }
  }
}
