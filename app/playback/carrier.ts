/**
 * A media element that plays silence while this device sounds. Systems go by media elements, not by Web Audio, when they
 * decide which page may go on in the background, gets the lock screen's controls, and keeps its audio session (iOS). The
 * music itself does not go through it: an element's latency is unknown, and would end the step.
 */

/** Chromium shows controls only for what is longer than five seconds. */
const SECONDS = 10;
const RATE_HZ = 8_000;
const HEADER_BYTES = 44;
/** Eight-bit samples have their zero in the middle. */
const ZERO = 128;

export interface Carrier {
  /** Call in the tap that turns sound on. */
  start(): void;
  stop(): void;
  close(): void;
}

export function createCarrier(): Carrier {
  let element: HTMLAudioElement | null = null;
  let url: string | null = null;
  let wanted = false;

  function play(): void {
    if (!wanted || !element) return;
    // Refused outside a tap; then the next one tries again.
    element.play().catch(() => undefined);
  }
  const again = (): void => {
    if (document.visibilityState === 'visible') play();
  };
  document.addEventListener('visibilitychange', again);

  return {
    start() {
      wanted = true;
      if (!element) {
        url = URL.createObjectURL(new Blob([silentWav()], { type: 'audio/wav' }));
        element = new Audio(url);
        element.loop = true;
      }
      if (element.paused) play();
    },
    stop() {
      wanted = false;
      element?.pause();
    },
    close() {
      wanted = false;
      document.removeEventListener('visibilitychange', again);
      element?.pause();
      element?.removeAttribute('src');
      element = null;
      if (url !== null) URL.revokeObjectURL(url);
      url = null;
    },
  };
}

/** PCM, mono, 8 bit: RIFF chunks as in Microsoft's Multimedia Programming Interface 1.0. */
function silentWav(): ArrayBuffer {
  const bytes = SECONDS * RATE_HZ;
  const file = new Uint8Array(HEADER_BYTES + bytes).fill(ZERO, HEADER_BYTES);
  const view = new DataView(file.buffer);
  const text = (at: number, chars: string): void => file.set(new TextEncoder().encode(chars), at);
  text(0, 'RIFF');
  view.setUint32(4, HEADER_BYTES - 8 + bytes, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE_HZ, true);
  view.setUint32(28, RATE_HZ, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  text(36, 'data');
  view.setUint32(40, bytes, true);
  return file.buffer;
}
