/**
 * What a page really gives to this device's loudspeaker: a tap in front of every AudioContext's destination. Chromium
 * itself is mute in tests, but its audio graph runs as ever.
 */
import type { BrowserContext, Page } from '@playwright/test';
import type { Sound } from '../../fixtures/listen.ts';

interface Tapped {
  earshotTaps?: AnalyserNode[];
}

/** Before the first page of the context is opened. */
export async function tapSound(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const taps: AnalyserNode[] = [];
    (globalThis as Tapped).earshotTaps = taps;
    const analysers = new WeakMap<BaseAudioContext, AnalyserNode>();
    const { connect } = AudioNode.prototype;
    AudioNode.prototype.connect = function (this: AudioNode, ...args: unknown[]) {
      if (args[0] instanceof AudioDestinationNode && this.context instanceof AudioContext) {
        let analyser = analysers.get(this.context);
        if (analyser === undefined) {
          analyser = new AnalyserNode(this.context, { fftSize: 32_768 });
          analysers.set(this.context, analyser);
          taps.push(analyser);
        }
        Reflect.apply(connect, this, [analyser]);
      }
      return Reflect.apply(connect, this, args) as AudioNode;
    };
  });
}

/** The last 0.7 s that went to the loudspeaker, channels mixed; 0 ms long while no page sounds. */
export async function heardHere(page: Page): Promise<Sound> {
  const tapped = await page.evaluate(() => {
    const taps = ((globalThis as Tapped).earshotTaps ?? []).filter((tap) => tap.context.state === 'running');
    const sum = new Float32Array(taps[0]?.fftSize ?? 0);
    const one = new Float32Array(sum.length);
    for (const tap of taps) {
      tap.getFloatTimeDomainData(one);
      one.forEach((value, at) => {
        sum[at] = (sum[at] ?? 0) + value;
      });
    }
    return { rateHz: taps[0]?.context.sampleRate ?? 48_000, values: [...sum] };
  });
  const channel = Float32Array.from(tapped.values);
  return { rateHz: tapped.rateHz, channels: [channel], durationMs: (channel.length / tapped.rateHz) * 1000 };
}
