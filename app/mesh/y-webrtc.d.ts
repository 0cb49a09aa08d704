/** y-webrtc's own declarations are out of TypeScript's reach: its `exports` list them behind `import`. */
declare module 'y-webrtc' {
  import type { Awareness } from 'y-protocols/awareness';
  import type * as Y from 'yjs';

  export interface WebrtcConn {
    readonly remotePeerId: string;
    readonly connected: boolean;
    destroy(): void;
  }

  export interface SignalingConn {
    readonly connected: boolean;
    on(event: 'connect' | 'disconnect', listener: () => void): void;
  }

  export interface ProviderOptions {
    signaling: string[];
    password: string;
    awareness: Awareness;
    maxConns: number;
    filterBcConns: boolean;
    peerOpts: { config: RTCConfiguration };
  }

  export class WebrtcProvider {
    constructor(roomName: string, doc: Y.Doc, options: ProviderOptions);
    /** Null until the key is derived. */
    readonly room: { readonly webrtcConns: ReadonlyMap<string, WebrtcConn> } | null;
    readonly signalingConns: SignalingConn[];
    readonly key: PromiseLike<unknown>;
    connect(): void;
    disconnect(): void;
    destroy(): void;
  }
}
