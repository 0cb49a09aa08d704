import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readTar, TarError, writeTar } from '../../../app/library/tar.ts';

const run = promisify(execFile);
const FILES = [
  { name: 'room.json', text: '{}' },
  { name: 'audio/empty', text: '' },
  { name: 'audio/block', text: 'x'.repeat(512) },
  { name: 'audio/more', text: 'y'.repeat(1300) },
];
const archive = () =>
  writeTar(
    FILES.map(({ name, text }) => ({ name, data: new Blob([text]) })),
    1_700_000_000_000,
  );

async function read(file: Blob) {
  const found: { name: string; text: string }[] = [];
  for await (const { name, data } of readTar(file)) found.push({ name, text: await data.text() });
  return found;
}

test('F1 what was written is read back, and by the system’s own tar', async () => {
  expect(await read(archive())).toEqual(FILES);
  const folder = await mkdtemp(join(tmpdir(), 'earshot-tar-'));
  try {
    const path = join(folder, 'room.tar');
    await writeFile(path, new Uint8Array(await archive().arrayBuffer()));
    const { stdout } = await run('tar', ['-tvf', path]);
    expect(stdout).toContain('2023-11-14');
    expect((await run('tar', ['-xOf', path, 'audio/more'])).stdout).toBe('y'.repeat(1300));
    await run('tar', ['-cf', join(folder, 'theirs.tar'), '--format=ustar', '-C', folder, 'room.tar']);
    const { readFile } = await import('node:fs/promises');
    const theirs = await read(new Blob([await readFile(join(folder, 'theirs.tar'))]));
    expect(theirs.map(({ name }) => name)).toEqual(['room.tar']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('F2 a file that is cut off, damaged or something else is refused', async () => {
  const whole = new Uint8Array(await archive().arrayBuffer());
  const damaged = whole.slice();
  damaged[3] = 7;
  const bad = [
    whole.slice(0, 3_000),
    whole.slice(0, 512),
    damaged,
    new Uint8Array(2_000).fill(65),
    new Uint8Array(0),
  ];
  for (const bytes of bad) await expect(read(new Blob([bytes]))).rejects.toThrow(TarError);
});
