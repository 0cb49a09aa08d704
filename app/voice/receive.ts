/** Other people's voices as they come in: each becomes a node to listen to or mix, with its level. */

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
  const window = new Float32Array(1_024);
  const incoming = new Map<
    string,
    { node: GainNode; analyser: AnalyserNode; source: MediaStreamAudioSourceNode; element: HTMLAudioElement }
  >();
  const nodes = new Map<string, AudioNode>();

  function remove(peerId: string): void {
    const voice = incoming.get(peerId);
    if (!voice) return;
    incoming.delete(peerId);
    nodes.delete(peerId);
    voice.source.disconnect();
    voice.node.disconnect();
    voice.analyser.disconnect();
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
      const source = context.createMediaStreamSource(stream);
      const node = context.createGain();
      const analyser = context.createAnalyser();
      analyser.fftSize = window.length;
      source.connect(node);
      node.connect(analyser);
      node.connect(output);
      incoming.set(peerId, { node, analyser, source, element });
      nodes.set(peerId, node);
      return node;
    },
    remove,
    voices: () => nodes,
    output,
    level(peerId) {
      const voice = incoming.get(peerId);
      if (!voice) return 0;
      voice.analyser.getFloatTimeDomainData(window);
      let sum = 0;
      for (const value of window) sum += value * value;
      const db = 10 * Math.log10(sum / window.length + 1e-12);
      return Math.min(1, Math.max(0, 1 + db / METER_RANGE_DB));
    },
    close() {
      if (closed) return;
      closed = true;
      for (const peerId of [...incoming.keys()]) remove(peerId);
      output.disconnect();
    },
  };
}
