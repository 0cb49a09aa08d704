/** Runs a bench in its short form, shows what it printed, and gives the figures of its last line. */
import { spawn } from 'node:child_process';
import * as v from 'valibot';
import { expect } from 'vitest';

/**
 * @param script relative to the repository
 * @param form what makes it short
 */
export async function figuresOf<T>(
  script: string,
  figures: v.GenericSchema<unknown, T>,
  form: '--quick' | '--brief' = '--quick',
): Promise<T> {
  const bench = spawn(process.execPath, ['--import', 'tsx', script, form], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  bench.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => bench.once('close', resolve));
  console.log(output);
  expect(code).toBe(0);
  return v.parse(figures, JSON.parse(output.trim().split('\n').at(-1) ?? ''));
}
