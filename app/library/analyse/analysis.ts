/** What an import finds out about one file: apart, so that the page can load it without the machinery behind it. */
import type { ImportFailure } from '../library.ts';

export interface Analysis {
  trackId: string;
  bytes: number;
  chunksId: string;
  manifest: Uint8Array<ArrayBuffer>;
  mime: string;
  title: string;
  artist?: string;
  album?: string;
  durationMs: number;
  /** What makes it as loud as other music; missing where that could not be found out. */
  gainDb?: number;
  /** See seek-index.ts. */
  seekIndex?: string;
  /** A small picture; its SHA-256 is the artId. */
  art: { artId: string; data: Uint8Array<ArrayBuffer> } | null;
}

/** `message` names the file and says in plain words what is wrong with it. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  readonly reason: ImportFailure;

  constructor(reason: ImportFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
