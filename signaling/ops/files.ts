/** Small files of the data folder, written so that a crash leaves either the old or the new one. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** The text of a file, or null when there is none. Any other failure is thrown. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** @param mode 0o600 for what only its owner may read */
export function writeWhole(path: string, text: string, mode: 0o600 | 0o644): void {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, path);
}
