/**
 * What some drivers need to be let in: an address and a token or password each, in one file of the node's data folder that only
 * its owner can read. Written by who has the room's key (`credentials-route.ts`), read by the drivers; never in the document, never shown
 * again, never logged.
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { readIfThere, writeWhole } from '../ops/files.ts';
import type { Log } from '../ops/log.ts';
import {
  CredentialKind,
  type Credentials,
  type CredentialState,
  KEPT_CREDENTIALS_OF,
} from '../protocol/credentials.ts';

const FILE = 'speakers.json';

/** One driver's share: what it was given, and where it says whether that works. */
export interface Settings<T> {
  /** Null: nothing was given. */
  read(): T | null;
  /** Returns its unsubscribe. */
  onChange(listener: () => void): () => void;
  /** Why it does not work now, in plain words; null: it does, or it is not known yet. */
  report(trouble: string | null): void;
}

export interface CredentialStore {
  of<K extends CredentialKind>(kind: K): Settings<Credentials[K]>;
  /** Null: forgets them. @throws Error when the file cannot be written; nothing has changed then */
  set<K extends CredentialKind>(kind: K, credentials: Credentials[K] | null): void;
  /** What may be shown of them: that they are set, and for which address. */
  describe(): CredentialState[];
}

const File = v.object({
  'home-assistant': v.optional(KEPT_CREDENTIALS_OF['home-assistant']),
  alexa: v.optional(KEPT_CREDENTIALS_OF.alexa),
});
type File = v.InferOutput<typeof File>;

function read(path: string, log: Log): File {
  try {
    const text = readIfThere(path);
    if (text === null) return {};
    // Somebody may have copied it there with other rights.
    chmodSync(path, 0o600);
    return v.parse(File, JSON.parse(text));
  } catch (error) {
    // What is wrong with it may quote it: only the kind of error is told.
    const reason = v.isValiError(error)
      ? 'not of this form'
      : error instanceof SyntaxError
        ? 'no JSON'
        : 'unreadable';
    log.error({ event: 'speaker-credentials', path, reason });
    return {};
  }
}

export function createCredentialStore(dataDir: string, log: Log): CredentialStore {
  const path = join(dataDir, FILE);
  let file = read(path, log);
  const listeners = new Map<CredentialKind, Set<() => void>>();
  const troubles = new Map<CredentialKind, string>();

  return {
    of: (kind) => ({
      read: () => (file[kind] ?? null) as never,
      onChange(listener) {
        const all = listeners.get(kind) ?? new Set();
        listeners.set(kind, all.add(listener));
        return () => void all.delete(listener);
      },
      report(trouble) {
        if (trouble === null) troubles.delete(kind);
        else troubles.set(kind, trouble);
      },
    }),

    set(kind, credentials) {
      const { [kind]: _, ...others } = file;
      const next: File = credentials === null ? others : { ...others, [kind]: credentials };
      writeWhole(path, `${JSON.stringify(next)}\n`, 0o600);
      file = next;
      troubles.delete(kind);
      log.info({ event: 'speaker-credentials', kind, set: credentials !== null });
      for (const listener of [...(listeners.get(kind) ?? [])]) listener();
    },

    describe: () =>
      CredentialKind.options.map((kind) => ({
        kind,
        url: file[kind]?.url ?? null,
        trouble: troubles.get(kind) ?? null,
      })),
  };
}
