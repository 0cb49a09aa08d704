import './library.ts';
import './peer.ts';

declare global {
  interface Window {
    harnessReady: boolean;
  }
}

window.harnessReady = true;
