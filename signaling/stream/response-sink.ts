/**
 * An HTTP response as the sink of a listener. What all listeners hear is put into a chunk (RFC 9112, section 7.1) once for
 * all of them and given to their sockets as one buffer; `response.write` would do that for each, in three pieces.
 */
import type { ServerResponse } from 'node:http';
import type { Sink } from './listener.ts';

/** Pieces of sound that were shared live as long as anybody still sends them. */
const chunks = new WeakMap<Uint8Array, Buffer>();

function chunkOf(bytes: Uint8Array): Buffer {
  const known = chunks.get(bytes);
  if (known !== undefined) return known;
  const chunk = Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'),
    bytes,
    Buffer.from('\r\n', 'latin1'),
  ]);
  chunks.set(bytes, chunk);
  return chunk;
}

/** @param response headers already written */
export function createResponseSink(response: ServerResponse): Sink {
  // The first piece carries the headers with it; what follows on the socket stays behind it.
  let begun = false;
  return {
    get writableLength() {
      return response.writableLength;
    },
    get socket() {
      return response.socket;
    },
    write(bytes) {
      const { socket } = response;
      if (!begun || socket === null) {
        begun = true;
        return response.write(bytes);
      }
      return socket.write(response.chunkedEncoding ? chunkOf(bytes) : bytes);
    },
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  };
}
