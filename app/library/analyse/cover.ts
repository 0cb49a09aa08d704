import { MAX_ART_BYTES } from '../wire.ts';

const MAX_SIDE_PX = 512;
const QUALITIES = [0.85, 0.7, 0.5];

/** A JPEG of at most 512 px a side that fits into one message; null when the picture cannot be decoded. */
export async function shrinkCover(cover: Blob): Promise<Uint8Array<ArrayBuffer> | null> {
  if (typeof OffscreenCanvas === 'undefined') return null;
  const picture = await createImageBitmap(cover).catch(() => null);
  if (!picture) return null;
  try {
    const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width, picture.height));
    const width = Math.max(1, Math.round(picture.width * scale));
    const height = Math.max(1, Math.round(picture.height * scale));
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext('2d');
    if (!context) return null;
    // JPEG has no transparency: what shows through would be black.
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, 0, 0, width, height);
    for (const quality of QUALITIES) {
      const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
      if (blob.size <= MAX_ART_BYTES) return new Uint8Array(await blob.arrayBuffer());
    }
    return null;
  } finally {
    picture.close();
  }
}
