/** Makes this Node process what the mesh expects of a browser. Import it before anything that touches WebRTC. */
import wrtc from '@roamhq/wrtc';
import { WebSocket } from 'ws';

/** A browser's sockets fail in silence; those of `ws` throw where nobody listens. */
class BrowserWebSocket extends WebSocket {
  constructor(url: string) {
    super(url);
    this.on('error', () => undefined);
  }
}

Object.assign(globalThis, {
  RTCPeerConnection: wrtc.RTCPeerConnection,
  RTCSessionDescription: wrtc.RTCSessionDescription,
  RTCIceCandidate: wrtc.RTCIceCandidate,
  RTCRtpTransceiver: wrtc.RTCRtpTransceiver,
  MediaStream: wrtc.MediaStream,
  WebSocket: BrowserWebSocket,
  window: globalThis,
  // y-webrtc says goodbye on `beforeunload`, which no process has.
  addEventListener: () => undefined,
});

export interface SentMessages {
  /** Document and presence: what edits cause. */
  room: number;
  roomBytes: number;
  /** Keepalives, probes, handshakes. */
  other: number;
}

export const sent: SentMessages = { room: 0, roomBytes: 0, other: 0 };

/** Counts every message that leaves through a data channel of this process. */
export function countSent(isRoomMessage: (label: string, data: Uint8Array) => boolean): void {
  // One class for all channels, and not a global: reached through a channel.
  const probe = new wrtc.RTCPeerConnection();
  const prototype = Object.getPrototypeOf(probe.createDataChannel('probe')) as RTCDataChannel;
  const original = prototype.send as (this: RTCDataChannel, data: unknown) => void;
  prototype.send = function (this: RTCDataChannel, data: unknown) {
    const bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data as ArrayBuffer);
    if (isRoomMessage(this.label, bytes)) {
      sent.room++;
      sent.roomBytes += bytes.length;
    } else sent.other++;
    original.call(this, data);
  };
  probe.close();
}
