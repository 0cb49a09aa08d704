/**
 * Chromium has no `navigator.audioSession`. This one is as strict as WebKit's: under 'playback' no microphone opens, and the
 * ones that are open end.
 */
import type { BrowserContext, Page } from '@playwright/test';

/** Before the first page of the context is opened. */
export async function giveAudioSession(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    let type = 'auto';
    const tracks: MediaStreamTrack[] = [];
    Object.defineProperty(navigator, 'audioSession', {
      value: {
        get type() {
          return type;
        },
        set type(next: string) {
          type = next;
          if (type !== 'playback') return;
          for (const track of tracks.splice(0)) {
            const wasLive = track.readyState === 'live';
            track.stop();
            if (wasLive) track.dispatchEvent(new Event('ended'));
          }
        },
      },
    });
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      if (type === 'playback')
        throw new DOMException(
          'AudioSession category is not compatible with audio capture.',
          'InvalidStateError',
        );
      const stream = await open(constraints);
      tracks.push(...stream.getTracks());
      return stream;
    };
  });
}

export function sessionType(page: Page): Promise<string> {
  return page.evaluate(() => (navigator as unknown as { audioSession: { type: string } }).audioSession.type);
}
