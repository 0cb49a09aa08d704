/** y-webrtc's own declarations are out of TypeScript's reach: its `exports` list them behind `import`. */
declare module 'y-webrtc' {
  import type * as Y from 'yjs';

  export class WebrtcProvider {
    constructor(
      roomName: string,
      doc: Y.Doc,
      options: {
        signaling: string[];
        password: string;
        maxConns: number;
        peerOpts: { wrtc: unknown; config: RTCConfiguration };
      },
    );
    /** Null until the key is derived. */
    readonly room: { readonly webrtcConns: ReadonlyMap<string, { readonly connected: boolean }> } | null;
  }
}
