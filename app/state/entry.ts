/** How this tab comes to a room: from the link's fragment, or from what the device remembers. Pure. */
import { isSecret } from '../../signaling/protocol/secret.ts';

export type Entry = { secret: string } | { problem: string };

/**
 * @param hash `location.hash`, with or without its `#`
 * @param remembered the secret of the room this device was in last
 */
export function entryFrom(hash: string, remembered: string | null): Entry {
  const fragment = hash.replace(/^#/, '');
  if (isSecret(fragment)) return { secret: fragment };
  if (fragment !== '') {
    return {
      problem:
        'The link to this room is cut off or mistyped: the part after # has 22 characters. Scan the QR code once more, or ask for the link again.',
    };
  }
  if (remembered !== null && isSecret(remembered)) return { secret: remembered };
  return {
    problem: 'Scan the QR code of a room: on the screen of whoever is in it, or where Earshot was started.',
  };
}

/** What the browser lacks, in plain words with the remedy; null when it has all that a room needs. */
export function missingFrom(browser: {
  isSecureContext: boolean;
  hasCrypto: boolean;
  hasWebRtc: boolean;
  hasIndexedDb: boolean;
}): string | null {
  if (!browser.isSecureContext || !browser.hasCrypto) {
    return 'This page was not opened over HTTPS, and browsers keep microphones and storage from such pages. Open the join link again and trust the certificate.';
  }
  if (!browser.hasWebRtc)
    return 'This browser has no WebRTC, by which the devices talk to each other. A current Chrome, Safari, Edge or Firefox has it.';
  if (!browser.hasIndexedDb)
    return 'This browser keeps no data, as in some private windows. Open the link in a normal window.';
  return null;
}
