/**
 * What libraries say to each other. Every message starts with two bytes: `LIBRARY` (so that other parts can share the
 * channels) and its type; then named offsets, big endian. Requests and have-lists go over `control`, so that they never
 * wait behind a megabyte of audio; answers that carry bytes go over `bytes`. What does not parse is null.
 */
import { CHUNK_BYTES, HASH_BYTES, fromHex, toHex } from './chunks.ts';

export const LIBRARY = 0x4c;

const PART_OFFSET = 0;
const TYPE_OFFSET = 1;
const ID_OFFSET = 2;
const ID_BYTES = 32;
/** Of messages about one blob. */
const ARG_OFFSET = ID_OFFSET + ID_BYTES;
const CHUNK_INDEX_OFFSET = ARG_OFFSET;
const CHUNK_DATA_OFFSET = CHUNK_INDEX_OFFSET + 4;
/** Of have-lists. */
const HAVE_FLAGS_OFFSET = 2;
const HAVE_LIST_OFFSET = 3;
const PREFIX_BYTES = 8;
/** A prefix and one byte that says how much of it. */
const HAVE_ENTRY_BYTES = PREFIX_BYTES + 1;
const FLAG_RESET = 1;

/** Hex digits of an id that a have-list carries. */
export const PREFIX_DIGITS = PREFIX_BYTES * 2;
/** Keeps a have-list in one message. */
export const MAX_HAVE_ENTRIES = 20_000;
/** 500 MB in chunks, each with its hash, stays under this. */
const MAX_MANIFEST_BYTES = 4_000 * HASH_BYTES;
const MAX_BITMAP_BYTES = 500;
/** A picture travels in one message. */
export const MAX_ART_BYTES = 192 * 1024;

const TYPE = {
  haves: 1,
  wantBits: 2,
  bits: 3,
  wantManifest: 4,
  manifest: 5,
  wantChunk: 6,
  chunk: 7,
  cancelChunk: 8,
  wantArt: 9,
  art: 10,
  denied: 11,
} as const;

/** How much of a blob a peer holds. */
export type Have = 'none' | 'some' | 'all';
const HAVE_CODES: readonly Have[] = ['none', 'some', 'all'];
export type Wanted = 'chunk' | 'manifest' | 'art';
const WANTED_CODES: readonly Wanted[] = ['chunk', 'manifest', 'art'];

export type Message =
  /** `reset`: forget what I told before. `entries`: id prefix → how much. */
  | { type: 'haves'; reset: boolean; entries: readonly (readonly [prefix: string, have: Have])[] }
  | { type: 'wantBits' | 'wantManifest' | 'wantArt'; id: string }
  | { type: 'bits'; id: string; bitmap: Uint8Array<ArrayBuffer> }
  | { type: 'manifest'; id: string; manifest: Uint8Array<ArrayBuffer> }
  | { type: 'wantChunk' | 'cancelChunk'; id: string; index: number }
  | { type: 'chunk'; id: string; index: number; data: Uint8Array<ArrayBuffer> }
  | { type: 'art'; id: string; data: Uint8Array<ArrayBuffer> }
  /** I do not have it, or too much is asked of me. */
  | { type: 'denied'; id: string; index: number; wanted: Wanted };

function aboutBlob(type: keyof typeof TYPE, id: string, extraBytes: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(ARG_OFFSET + extraBytes);
  out[PART_OFFSET] = LIBRARY;
  out[TYPE_OFFSET] = TYPE[type];
  out.set(fromHex(id), ID_OFFSET);
  return out;
}

function withBytes(type: keyof typeof TYPE, id: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = aboutBlob(type, id, data.length);
  out.set(data, ARG_OFFSET);
  return out;
}

export function encode(message: Message): Uint8Array<ArrayBuffer> {
  switch (message.type) {
    case 'haves': {
      const out = new Uint8Array(HAVE_LIST_OFFSET + message.entries.length * HAVE_ENTRY_BYTES);
      out[PART_OFFSET] = LIBRARY;
      out[TYPE_OFFSET] = TYPE.haves;
      out[HAVE_FLAGS_OFFSET] = message.reset ? FLAG_RESET : 0;
      message.entries.forEach(([prefix, have], i) => {
        const at = HAVE_LIST_OFFSET + i * HAVE_ENTRY_BYTES;
        out.set(fromHex(prefix), at);
        out[at + PREFIX_BYTES] = HAVE_CODES.indexOf(have);
      });
      return out;
    }
    case 'wantBits':
    case 'wantManifest':
    case 'wantArt':
      return aboutBlob(message.type, message.id, 0);
    case 'bits':
      return withBytes('bits', message.id, message.bitmap);
    case 'manifest':
      return withBytes('manifest', message.id, message.manifest);
    case 'art':
      return withBytes('art', message.id, message.data);
    case 'wantChunk':
    case 'cancelChunk': {
      const out = aboutBlob(message.type, message.id, 4);
      new DataView(out.buffer).setUint32(CHUNK_INDEX_OFFSET, message.index);
      return out;
    }
    case 'chunk': {
      const out = aboutBlob('chunk', message.id, 4 + message.data.length);
      new DataView(out.buffer).setUint32(CHUNK_INDEX_OFFSET, message.index);
      out.set(message.data, CHUNK_DATA_OFFSET);
      return out;
    }
    case 'denied': {
      const out = aboutBlob('denied', message.id, 5);
      new DataView(out.buffer).setUint32(CHUNK_INDEX_OFFSET, message.index);
      out[CHUNK_DATA_OFFSET] = WANTED_CODES.indexOf(message.wanted);
      return out;
    }
  }
}

function decodeHaves(bytes: Uint8Array<ArrayBuffer>): Message | null {
  const count = (bytes.length - HAVE_LIST_OFFSET) / HAVE_ENTRY_BYTES;
  if (!Number.isInteger(count) || count < 0 || count > MAX_HAVE_ENTRIES) return null;
  const entries: [string, Have][] = [];
  for (let at = HAVE_LIST_OFFSET; at < bytes.length; at += HAVE_ENTRY_BYTES) {
    const have = HAVE_CODES[bytes[at + PREFIX_BYTES] ?? -1];
    if (have === undefined) return null;
    entries.push([toHex(bytes.subarray(at, at + PREFIX_BYTES)), have]);
  }
  return { type: 'haves', reset: bytes[HAVE_FLAGS_OFFSET] === FLAG_RESET, entries };
}

/** Null for anything that is not a well-formed message of this part. Byte fields are views into `bytes`. */
export function decode(bytes: Uint8Array<ArrayBuffer>): Message | null {
  if (bytes[PART_OFFSET] !== LIBRARY || bytes.length < HAVE_LIST_OFFSET) return null;
  const type = bytes[TYPE_OFFSET];
  if (type === TYPE.haves) return decodeHaves(bytes);
  if (bytes.length < ARG_OFFSET) return null;
  const id = toHex(bytes.subarray(ID_OFFSET, ARG_OFFSET));
  const rest = bytes.subarray(ARG_OFFSET);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const index = rest.length >= 4 ? view.getUint32(CHUNK_INDEX_OFFSET) : -1;
  const data = rest.length >= 4 ? bytes.subarray(CHUNK_DATA_OFFSET) : rest;
  switch (type) {
    case TYPE.wantBits:
      return rest.length === 0 ? { type: 'wantBits', id } : null;
    case TYPE.wantManifest:
      return rest.length === 0 ? { type: 'wantManifest', id } : null;
    case TYPE.wantArt:
      return rest.length === 0 ? { type: 'wantArt', id } : null;
    case TYPE.bits:
      return rest.length <= MAX_BITMAP_BYTES ? { type: 'bits', id, bitmap: rest } : null;
    case TYPE.manifest:
      return rest.length <= MAX_MANIFEST_BYTES ? { type: 'manifest', id, manifest: rest } : null;
    case TYPE.art:
      return rest.length <= MAX_ART_BYTES ? { type: 'art', id, data: rest } : null;
    case TYPE.wantChunk:
      return rest.length === 4 ? { type: 'wantChunk', id, index } : null;
    case TYPE.cancelChunk:
      return rest.length === 4 ? { type: 'cancelChunk', id, index } : null;
    case TYPE.chunk:
      return rest.length >= 4 && data.length <= CHUNK_BYTES ? { type: 'chunk', id, index, data } : null;
    case TYPE.denied: {
      const wanted = WANTED_CODES[data[0] ?? -1];
      return rest.length === 5 && wanted !== undefined ? { type: 'denied', id, index, wanted } : null;
    }
    default:
      return null;
  }
}
