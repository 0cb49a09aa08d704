/**
 * Cast's packets: four bytes of length, then one `CastMessage` (Chromium, components/media_router/common/providers/cast/channel/
 * cast_channel.proto) in protocol buffers' wire format. Of its seven fields all that is spoken here is text. Pure.
 */

/** The protocol's own limit of a message. */
export const MAX_PACKET_BYTES = 65_536;

export interface CastMessage {
  sourceId: string;
  destinationId: string;
  namespace: string;
  /** JSON. */
  text: string;
}

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;
const FIELDS = { protocolVersion: 1, sourceId: 2, destinationId: 3, namespace: 4, payloadType: 5, text: 6 };

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}

export function castPacket({ sourceId, destinationId, namespace, text }: CastMessage): Uint8Array {
  const string = (field: number, value: string): Uint8Array[] => {
    const bytes = Buffer.from(value, 'utf8');
    return [varint((field << 3) | LENGTH), varint(bytes.length), bytes];
  };
  const body = Buffer.concat([
    Uint8Array.of(FIELDS.protocolVersion << 3, 0),
    ...string(FIELDS.sourceId, sourceId),
    ...string(FIELDS.destinationId, destinationId),
    ...string(FIELDS.namespace, namespace),
    Uint8Array.of(FIELDS.payloadType << 3, 0),
    ...string(FIELDS.text, text),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** Null: it makes no sense, is of another version, or carries no text (binary is for authentication, which nobody asks for). */
export function parseCastMessage(body: Uint8Array): CastMessage | null {
  const strings = new Map<number, string>();
  let at = 0;
  /** Lengths and types fit into 32 bits; larger ones are nobody's. */
  function number(): number | null {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = body[at++];
      if (byte === undefined) return null;
      if (shift < 28) value += (byte & 0x7f) << shift;
      else if ((byte & 0x7f) !== 0) return null;
      if (byte < 0x80) return value;
    }
    return null;
  }
  while (at < body.length) {
    const tag = number();
    if (tag === null) return null;
    const field = tag >>> 3;
    const type = tag & 7;
    if (type === VARINT) {
      const value = number();
      if (value === null || (field === FIELDS.protocolVersion && value !== 0)) return null;
      if (field === FIELDS.payloadType && value !== 0) return null;
    } else if (type === LENGTH) {
      const length = number();
      if (length === null || at + length > body.length) return null;
      strings.set(field, Buffer.from(body.buffer, body.byteOffset + at, length).toString('utf8'));
      at += length;
    } else if (type === FIXED_32 || type === FIXED_64) at += type === FIXED_32 ? 4 : 8;
    else return null;
  }
  const sourceId = strings.get(FIELDS.sourceId);
  const destinationId = strings.get(FIELDS.destinationId);
  const namespace = strings.get(FIELDS.namespace);
  const text = strings.get(FIELDS.text);
  if (sourceId === undefined || destinationId === undefined || namespace === undefined || text === undefined)
    return null;
  return { sourceId, destinationId, namespace, text };
}

/** Cuts what arrives into packets' bodies; keeps at most one of them. `null` from then on: a length that no device sends. */
export function createPacketReader(): (bytes: Uint8Array) => readonly Uint8Array[] | null {
  let rest: Buffer = Buffer.alloc(0);
  let isBroken = false;
  return (bytes) => {
    if (isBroken) return null;
    rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes]);
    const bodies: Uint8Array[] = [];
    let at = 0;
    while (rest.length - at >= 4) {
      const size = rest.readUInt32BE(at);
      if (size > MAX_PACKET_BYTES) {
        isBroken = true;
        return null;
      }
      if (rest.length - at < 4 + size) break;
      bodies.push(rest.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    rest = Buffer.from(rest.subarray(at));
    return bodies;
  };
}
