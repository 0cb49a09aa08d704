/** The part of castv2 0.1.10 that is used here; it comes without types. */
declare module 'castv2' {
  import { EventEmitter } from 'node:events';
  import type { SecureContextOptions } from 'node:tls';

  export class Server extends EventEmitter {
    constructor(options: SecureContextOptions);
    listen(port: number, host: string, callback: () => void): void;
    send(clientId: string, sourceId: string, destinationId: string, namespace: string, data: string): void;
    close(): void;
    clients: Record<string, { socket: { write(bytes: Uint8Array): void } }>;
  }

  export class Client extends EventEmitter {
    connect(options: { host: string; port: number }, callback: () => void): void;
    send(sourceId: string, destinationId: string, namespace: string, data: string): void;
    close(): void;
  }
}

declare module 'castv2/lib/proto.js' {
  export interface CastMessage {
    protocolVersion: number;
    sourceId: string;
    destinationId: string;
    namespace: string;
    payloadType: number;
    payloadUtf8?: string;
    payloadBinary?: Uint8Array;
  }
  const proto: {
    CastMessage: { serialize(message: CastMessage): Uint8Array; parse(bytes: Uint8Array): CastMessage };
  };
  export default proto;
}
