/** The folder that holds the node's keys and its default room: made when it is not there, and tried before it is needed. */
import { accessSync, constants, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from './config.ts';

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * With those above it. Node's own `recursive` never ends where the system says ENOENT below a folder that is there, as
 * /proc does.
 */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Somebody else may have made it just now.
    if (!isFolder(path)) throw error;
  }
}

/** @throws ConfigError when there can be no folder, or when it takes no file */
export function prepareDataDir(dataDir: string): void {
  try {
    makeFolder(dataDir);
    accessSync(dataDir, constants.R_OK | constants.X_OK);
    // Some folders grant root every right and take no file all the same: /proc, /sys.
    const trial = join(dataDir, `.${process.pid}.trial`);
    writeFileSync(trial, '');
    rmSync(trial);
  } catch (error) {
    throw new ConfigError(
      `the data folder ${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    );
  }
}
