/**
 * A picture for a track that brought none: rings whose places, widths and hues come from the track's id, so that it is
 * the same on every device. Coordinates are in a 100 × 100 square.
 */
export interface GeneratedCover {
  ground: string;
  rings: { cx: number; cy: number; r: number; width: number; colour: string }[];
  dot: { cx: number; cy: number; colour: string };
}

/** mulberry32 over an FNV-1a of the id: small, and even enough for a picture. */
function dice(seed: string): () => number {
  let h = 0x811c9dc5;
  for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01000193);
  return () => {
    h = (h + 0x6d2b79f5) | 0;
    let t = Math.imul(h ^ (h >>> 15), 1 | h);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function generateCover(trackId: string): GeneratedCover {
  const roll = dice(trackId);
  const groundHue = Math.floor(roll() * 360);
  const hue = (groundHue + 70 + roll() * 220) % 360;
  const shade = (l: number, c: number): string => `oklch(${l} ${c} ${hue.toFixed(0)})`;
  const rings = [0.68, 0.6, 0.64].map((lightness) => ({
    cx: 8 + roll() * 84,
    cy: 4 + roll() * 84,
    r: 16 + roll() * 30,
    width: 4 + roll() * 8,
    colour: shade(lightness, 0.2),
  }));
  const first = rings[0];
  const angle = roll() * Math.PI * 2;
  return {
    ground: `oklch(0.31 0.085 ${groundHue})`,
    rings,
    dot: {
      cx: Math.min(84, Math.max(16, (first?.cx ?? 50) + Math.cos(angle) * (first?.r ?? 0))),
      cy: Math.min(84, Math.max(16, (first?.cy ?? 50) + Math.sin(angle) * (first?.r ?? 0))),
      colour: shade(0.82, 0.17),
    },
  };
}
