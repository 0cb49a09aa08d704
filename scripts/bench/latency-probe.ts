/**
 * Looks into a page while it talks: when a click reaches its mixer, and what WebRTC's jitter buffer holds. It changes
 * nothing of what the page does.
 */
import type { BrowserContext, Page } from '@playwright/test';

interface Probed {
  earshotClicks?: number[];
  earshotPeers?: RTCPeerConnection[];
}

/** Before the context's first page is opened. */
export async function probe(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const at: number[] = [];
    const peers: RTCPeerConnection[] = [];
    Object.assign(globalThis as Probed, { earshotClicks: at, earshotPeers: peers });
    const Real = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(...args: ConstructorParameters<typeof Real>) {
        super(...args);
        peers.push(this);
      }
    };
    const FRAMES = 256;
    const duckers = new WeakSet<AudioNode>();
    const Worklet = globalThis.AudioWorkletNode;
    globalThis.AudioWorkletNode = class extends Worklet {
      constructor(...args: ConstructorParameters<typeof Worklet>) {
        super(...args);
        if (args[1] === 'ducking') duckers.add(this);
      }
    };
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (this: AudioNode, ...args: unknown[]) {
      if (!duckers.has(args[0] as AudioNode)) return Reflect.apply(connect, this, args) as AudioNode;
      const tap = (this.context as AudioContext).createScriptProcessor(FRAMES, 1, 1);
      let quietUntilMs = 0;
      tap.onaudioprocess = ({ inputBuffer }) => {
        const nowMs = performance.timeOrigin + performance.now();
        const onset = inputBuffer.getChannelData(0).findIndex((value) => Math.abs(value) > 0.02);
        if (onset < 0 || nowMs < quietUntilMs) return;
        quietUntilMs = nowMs + 300;
        at.push(nowMs - ((FRAMES - onset) * 1_000) / inputBuffer.sampleRate);
      };
      Reflect.apply(connect, this, [tap]);
      // Its output is silence; connected, because what leads nowhere is not run.
      tap.connect(this.context.destination);
      return Reflect.apply(connect, this, args) as AudioNode;
    };
  });
}

/** When clicks came into the page's graph since this was asked last, as `performance.now()` of this process. */
export async function clicksSeen(page: Page): Promise<number[]> {
  let offsetMs = 0;
  let leastMs = Infinity;
  for (let round = 0; round < 10; round++) {
    const sentMs = performance.now();
    const thereMs = await page.evaluate(() => performance.timeOrigin + performance.now());
    const tookMs = performance.now() - sentMs;
    if (tookMs < leastMs) [leastMs, offsetMs] = [tookMs, thereMs - (sentMs + tookMs / 2)];
  }
  const seen = await page.evaluate(() => (globalThis as Probed).earshotClicks?.splice(0) ?? []);
  return seen.map((atMs) => atMs - offsetMs);
}

/** How long sound waited in WebRTC's jitter buffers, on average; null where none came. */
export function jitterBufferMs(page: Page): Promise<number | null> {
  return page.evaluate(async () => {
    let delayed = 0;
    let emitted = 0;
    for (const peer of (globalThis as Probed).earshotPeers ?? []) {
      for (const stats of (await peer.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (stats['type'] !== 'inbound-rtp') continue;
        delayed += Number(stats['jitterBufferDelay']);
        emitted += Number(stats['jitterBufferEmittedCount']);
      }
    }
    return emitted > 0 ? (1_000 * delayed) / emitted : null;
  });
}

/**
 * Before the context's first page: our encoder cannot be loaded, and what waits in a stream's queue into Web Audio stays
 * there (app/voice/inlet.ts).
 */
export async function withoutSettings({ context }: { context: BrowserContext }): Promise<void> {
  await context.route(/\/lame[^/]*\.wasm$/, (route) => route.abort());
  await context.addInitScript(() => {
    // What would be opened anew beside the first is a tone: so there is never a pause to take it in.
    const seen = new WeakSet<MediaStream>();
    const create = AudioContext.prototype.createMediaStreamSource;
    AudioContext.prototype.createMediaStreamSource = function (stream) {
      if (seen.has(stream)) {
        const tone = this.createOscillator();
        tone.start();
        return tone as unknown as MediaStreamAudioSourceNode;
      }
      seen.add(stream);
      return Reflect.apply(create, this, [stream]);
    };
  });
}
