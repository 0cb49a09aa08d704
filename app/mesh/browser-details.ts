/**
 * Stands in for `webrtc-adapter` in the build (vite.config.ts): PeerJS wants only the browser's name and version of it,
 * and the rest, 13 KB gzipped, mends browsers that cannot run this app anyway.
 */
export interface BrowserDetails {
  browser: string;
  version: number;
}

/** @param userAgent as `navigator.userAgent` gives it */
export function browserDetailsOf(userAgent: string): BrowserDetails {
  const version = (pattern: RegExp): number => Number(pattern.exec(userAgent)?.[1] ?? 0);
  if (/Firefox\//.test(userAgent)) return { browser: 'firefox', version: version(/Firefox\/(\d+)/) };
  if (/Chrom(?:e|ium)\//.test(userAgent))
    return { browser: 'chrome', version: version(/Chrom(?:e|ium)\/(\d+)/) };
  // WebKit's own number, as PeerJS compares it: 605 in every Safari since 11.1.
  if (/AppleWebKit\//.test(userAgent)) return { browser: 'safari', version: version(/AppleWebKit\/(\d+)/) };
  return { browser: 'unknown', version: 0 };
}

export default { browserDetails: browserDetailsOf(navigator.userAgent) };
