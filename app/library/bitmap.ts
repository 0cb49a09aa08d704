/** Which chunks are here: bit `i` is bit `i % 8`, lowest first, of byte `i >> 3`. Spare bits are 0. */
export type Bitmap = Uint8Array<ArrayBuffer>;

export function emptyBitmap(count: number): Bitmap {
  return new Uint8Array(Math.ceil(count / 8));
}

export function hasBit(bitmap: Uint8Array, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

export function setBit(bitmap: Uint8Array, index: number): void {
  const at = index >> 3;
  if (at < bitmap.length) bitmap[at] = (bitmap[at] ?? 0) | (1 << (index & 7));
}

export function countBits(bitmap: Uint8Array, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) if (hasBit(bitmap, index)) sum++;
  return sum;
}
