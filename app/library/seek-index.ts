/**
 * Where in a file of bare frames (MP3, AAC in ADTS) the music stands at a time. Such files carry no exact table of their
 * own (Xing's is a 256th of the file), so whoever joins an hour late would have to fetch and walk everything before. The
 * index is made when the file is imported and goes with the track's record: the byte of every n-th frame.
 *
 * As text, numbers in digits of five bits, the lowest first, each but a number's last with the sixth bit set: frames a step,
 * samples a frame, the first frame's byte, the first step in bytes, and then by how much each step is longer than the one
 * before it (zigzag). Files of one bit rate take a character a step. Pure.
 */
const MOST_POINTS = 256;
/** The shortest step: a reader walks the frames within one, and fetches that much in vain at the most. */
const STEP_SECONDS = 8;
/** 256 points, at five characters each. */
export const SEEK_INDEX_CHARS = 1_400;

export interface SeekIndex {
  framesPerStep: number;
  samplesPerFrame: number;
  /** Byte of frame 0, of frame `framesPerStep`, and so on. */
  points: readonly number[];
}

/** Takes the frames of a file one after the other and keeps the byte of every n-th: n grows with the file. */
export function createSeekIndexer(samplesPerFrame: number, sampleRateHz: number) {
  let framesPerStep = Math.max(1, Math.ceil((STEP_SECONDS * sampleRateHz) / samplesPerFrame));
  let points: number[] = [];
  let frames = 0;
  return {
    add(byte: number): void {
      if (frames++ % framesPerStep !== 0) return;
      points.push(byte);
      if (points.length <= MOST_POINTS) return;
      points = points.filter((_, index) => index % 2 === 0);
      framesPerStep *= 2;
    },
    index: (): SeekIndex => ({ framesPerStep, samplesPerFrame, points }),
  };
}

export function encodeSeekIndex({ framesPerStep, samplesPerFrame, points }: SeekIndex): string {
  const [first = 0] = points;
  const steps = points.slice(1).map((byte, index) => byte - (points[index] ?? 0));
  const changes = steps.slice(1).map((step, index) => zigzag(step - (steps[index] ?? 0)));
  return [framesPerStep, samplesPerFrame, first, ...steps.slice(0, 1), ...changes].map(digitsOf).join('');
}

/** Null for what is no index of a file with so many bytes. */
export function decodeSeekIndex(text: string, fileBytes: number): SeekIndex | null {
  const numbers = numbersOf(text);
  if (!numbers) return null;
  const [framesPerStep = 0, samplesPerFrame = 0, first, ...rest] = numbers;
  if (framesPerStep < 1 || samplesPerFrame < 1 || first === undefined || first >= fileBytes) return null;
  const points = [first];
  let step = 0;
  for (const [index, number] of rest.entries()) {
    step += index === 0 ? number : unzigzag(number);
    const next = (points.at(-1) ?? 0) + step;
    if (step < 1 || next >= fileBytes) return null;
    points.push(next);
  }
  return { framesPerStep, samplesPerFrame, points };
}

/** The last point at or before a sample, as the byte and number of its frame. */
export function pointBefore(
  { framesPerStep, samplesPerFrame, points }: SeekIndex,
  sample: number,
): { byte: number; frame: number } {
  const wanted = Math.floor(sample / (framesPerStep * samplesPerFrame));
  const at = Math.min(points.length - 1, Math.max(0, wanted));
  return { byte: points[at] ?? 0, frame: at * framesPerStep };
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2);

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const MORE = 32;
/** Six digits of five bits: no offset in a file that the app takes needs more. */
const MOST_UNIT = 32 ** 6;

function digitsOf(value: number): string {
  let text = '';
  for (let left = value; ; left = Math.floor(left / MORE)) {
    if (left < MORE) return text + DIGITS.charAt(left);
    text += DIGITS.charAt((left % MORE) + MORE);
  }
}

function numbersOf(text: string): number[] | null {
  if (text.length > SEEK_INDEX_CHARS) return null;
  const numbers: number[] = [];
  let value = 0;
  let unit = 1;
  for (const char of text) {
    const digit = DIGITS.indexOf(char);
    if (digit < 0 || unit > MOST_UNIT) return null;
    value += (digit % MORE) * unit;
    unit *= MORE;
    if (digit >= MORE) continue;
    numbers.push(value);
    value = 0;
    unit = 1;
  }
  return unit === 1 ? numbers : null;
}
