import { createAudioSession } from '../../../app/voice/audio-session.ts';
import { createAudioOutput } from '../../../app/playback/context.ts';

export const outputBench = {
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
