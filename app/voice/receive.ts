/** Other people's voices as they come in: each becomes a node to listen to or mix, with its level. */

import { createLevelMeter } from '../playback/level.ts';
import { createInlet, type Inlet } from './inlet.ts';

export interface VoiceReceiver {
  /** A voice came; replaces what that peer sent before. Returns its node. */
  add(peerId: string, stream: MediaStream): AudioNode;
  remove(peerId: string): void;
  /** Node of each voice that is here. */
  voices(): ReadonlyMap<string, AudioNode>;
  /** All voices together. */
  readonly output: AudioNode;
  /** How loud a peer is, 0…1; 0 for one that sends nothing. */
  level(peerId: string): number;
  close(): void;
}

const METER_RANGE_DB = 54;

export function createVoiceReceiver(options: { context: AudioContext }): VoiceReceiver {
  const { context } = options;
  const output = context.createGain();
  const incoming = new Map<
    string,
    {
      node: GainNode;
      level: ReturnType<typeof createLevelMeter>;
      inlet: Inlet;
      element: HTMLAudioElement;
    }
  >();
  const nodes = new Map<string, AudioNode>();

  function remove(peerId: string): void {
    const voice = incoming.get(peerId);
    if (!voice) return;
    incoming.delete(peerId);
    nodes.delete(peerId);
    voice.inlet.close();
    voice.level.close();
    voice.node.disconnect();
    voice.element.srcObject = null;
  }

  let closed = false;
  return {
    add(peerId, stream) {
      remove(peerId);
      // Chromium gives Web Audio silence from a remote stream until a media element takes it too (crbug.com/933677).
      const element = new Audio();
      element.muted = true;
      element.srcObject = stream;
      element.play().catch(() => undefined);
      const node = context.createGain();
      const inlet = createInlet({ context, stream, destination: node });
      node.connect(output);
      incoming.set(peerId, { node, level: createLevelMeter(node, METER_RANGE_DB), inlet, element });
      nodes.set(peerId, node);
      return node;
    },
    remove,
    voices: () => nodes,
    output,
    level: (peerId) => incoming.get(peerId)?.level.read() ?? 0,
    close() {
      if (closed) return;
      closed = true;
      for (const peerId of [...incoming.keys()]) remove(peerId);
      output.disconnect();
    },
  };
}
