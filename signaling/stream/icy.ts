/** SHOUTcast/Icecast metadata inside the stream, for those who ask with `Icy-MetaData: 1`. Pure. */

/** Bytes of sound between two metadata blocks. */
export const ICY_METAINT = 16_384;
const BLOCK = 16;
const MAX_BLOCKS = 255;
const NOTHING_NEW = Uint8Array.of(0);

/** One block: its length in units of 16 bytes, then the padded text. Quotes would end the title early in many players. */
export function icyBlock(title: string): Uint8Array {
  const clean = title.replace(/\p{Cc}/gu, ' ').replaceAll("'", '’');
  const around = "StreamTitle='';".length;
  let text = Buffer.from(clean, 'utf8');
  const room = MAX_BLOCKS * BLOCK - around;
  if (text.length > room) {
    let end = room;
    while (end > 0 && ((text[end] ?? 0) & 0xc0) === 0x80) end--;
    text = text.subarray(0, end);
  }
  const body = Buffer.concat([Buffer.from("StreamTitle='"), text, Buffer.from("';")]);
  const blocks = Math.ceil(body.length / BLOCK);
  const out = new Uint8Array(1 + blocks * BLOCK);
  out[0] = blocks;
  out.set(body, 1);
  return out;
}

export interface IcyWriter {
  /** The same sound with metadata blocks where they are due. A title is sent once, until it changes. */
  interleave(sound: Uint8Array, title: string): Uint8Array;
}

export function createIcyWriter(): IcyWriter {
  let untilBlock = ICY_METAINT;
  let told: string | null = null;
  return {
    interleave(sound, title) {
      if (sound.length < untilBlock) {
        untilBlock -= sound.length;
        return sound;
      }
      const parts: Uint8Array[] = [];
      let at = 0;
      while (sound.length - at >= untilBlock) {
        parts.push(sound.subarray(at, at + untilBlock), title === told ? NOTHING_NEW : icyBlock(title));
        at += untilBlock;
        told = title;
        untilBlock = ICY_METAINT;
      }
      parts.push(sound.subarray(at));
      untilBlock -= sound.length - at;
      return Buffer.concat(parts);
    },
  };
}
