/**
 * What was said, for loudspeakers to fetch: a few short files at addresses that nobody can guess, in memory, for two minutes.
 * Over plain HTTP, as loudspeakers take no certificate of ours.
 */
import { randomBytes } from 'node:crypto';
import { type Route, send } from '../ops/http.ts';

const PATH = /^\/said\/([0-9a-f]{32})\.mp3$/;
/** A loudspeaker that has something else to say first comes for it later. */
const KEPT_MS = 120_000;
/** Of `MAX_SAID_BYTES` each. */
const MAX_CLIPS = 16;
const HEADERS = { 'Content-Type': 'audio/mpeg', 'Accept-Ranges': 'none', 'Cache-Control': 'no-store' };

export interface Clips {
  /** @returns the path at which it is served; null: too many are kept already */
  keep(mp3: Uint8Array): string | null;
  readonly route: Route;
  close(): void;
}

export function createClips(): Clips {
  const clips = new Map<string, { mp3: Uint8Array; timer: NodeJS.Timeout }>();
  return {
    keep(mp3) {
      if (clips.size >= MAX_CLIPS) return null;
      const name = randomBytes(16).toString('hex');
      clips.set(name, { mp3, timer: setTimeout(() => clips.delete(name), KEPT_MS) });
      return `/said/${name}.mp3`;
    },
    route(request, response) {
      const name = PATH.exec(request.path)?.[1];
      const clip = name === undefined ? undefined : clips.get(name);
      return clip !== undefined && send(request, response, 200, HEADERS, clip.mp3);
    },
    close() {
      for (const { timer } of clips.values()) clearTimeout(timer);
      clips.clear();
    },
  };
}
