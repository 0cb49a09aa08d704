import { createAudioSession } from '../../../app/voice/audio-session.ts';
import { createAudioOutput } from '../../../app/playback/context.ts';
import { createSoftClip } from '../../../app/playback/soft-clip.ts';
import { base64 } from './base64.ts';

export const outputBench = {
  /** A tone through what keeps this device's output below full scale, rendered: base64 of Float32. */
  async softClip(hz: number, amplitude: number, frames: number) {
    const context = new OfflineAudioContext(1, frames, 48_000);
    const tone = new OscillatorNode(context, { frequency: hz });
    const softClip = createSoftClip(context);
    tone.connect(new GainNode(context, { gain: amplitude })).connect(softClip.input);
    softClip.output.connect(context.destination);
    tone.start();
    return base64((await context.startRendering()).getChannelData(0));
  },

  /** The app's output, suspended as a call would: resolves once it runs again, without a tap. */
  async outputComesBack(): Promise<boolean[]> {
    const output = createAudioOutput({
      volume: 1,
      muted: false,
      session: createAudioSession(undefined),
    });
    const states = [await output.unlock()];
    const back = new Promise<void>((resolve) => {
      output.onRunning((running) => {
        // A suspension may be told in two steps.
        if (states.at(-1) !== running) states.push(running);
        if (running) resolve();
      });
    });
    await output.context.suspend();
    await back;
    output.close();
    return states;
  },
};
