/** The committed module is the one that its hash and its script speak of, and it keeps to itself. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createLameEncoder } from '../../../app/host/mp3/lame.ts';
import { LAME_MODULE } from '../../fixtures/encoders.ts';

const bytes = readFileSync(LAME_MODULE);
const module = new WebAssembly.Module(bytes);

test('its bytes have the hash that the build script compares with', () => {
  const hash = createHash('sha256').update(bytes).digest('hex');
  const committed = readFileSync(new URL('lame.wasm.sha256', LAME_MODULE), 'utf8');
  expect(committed).toBe(`${hash}  lame.wasm\n`);
});

test('it asks for nothing but the four calls that a C library without files has', () => {
  expect(WebAssembly.Module.imports(module)).toEqual(
    ['fd_close', 'fd_seek', 'fd_write', 'proc_exit'].map((name) => ({
      module: 'wasi_snapshot_preview1',
      name,
      kind: 'function',
    })),
  );
});

test('its memory is allocated when it is set up and stays as large, through restarts and minutes of sound', () => {
  const nothing = (): number => 8;
  const { exports } = new WebAssembly.Instance(module, {
    wasi_snapshot_preview1: { fd_close: nothing, fd_seek: nothing, fd_write: nothing, proc_exit: nothing },
  });
  const lame = exports as unknown as Record<
    'left_at' | 'right_at' | 'flush' | '_initialize',
    () => number
  > & {
    memory: WebAssembly.Memory;
    init(sampleRateHz: number, bitrateKbps: number): number;
    encode(samples: number): number;
  };
  lame._initialize();
  expect(lame.init(48_000, 320)).toBe(0);
  const { byteLength } = lame.memory.buffer;
  expect(byteLength).toBeLessThanOrEqual(640 * 1_024);
  for (let round = 0; round < 50; round++) {
    const left = new Float32Array(lame.memory.buffer, lame.left_at(), 1_152);
    const right = new Float32Array(lame.memory.buffer, lame.right_at(), 1_152);
    left.forEach((_, n) => (left[n] = 0.4 * Math.sin(n * (round + 1) * 0.01)));
    right.set(left);
    for (let second = 0; second < 2; second++) for (let n = 0; n < 42; n++) lame.encode(1_152);
    for (const samples of [0, 1, 128, 1_152]) expect(lame.encode(samples)).toBeGreaterThanOrEqual(0);
    expect(lame.encode(1_153)).toBe(-3);
    expect(lame.flush()).toBeGreaterThan(0);
    expect(lame.init(48_000, 320)).toBe(0);
    expect(lame.memory.buffer.byteLength).toBe(byteLength);
  }
  expect(() => lame.memory.grow(16)).toThrow(RangeError);
});

test('bytes that are no module are refused, so that the other encoder can stand in', async () => {
  await expect(createLameEncoder(new TextEncoder().encode('<!doctype html>'), 128)).rejects.toThrow();
  const empty = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  await expect(createLameEncoder(empty, 128)).rejects.toThrow();
});
