import { createAudioSession } from '../../../app/voice/audio-session.ts';
import { createInlet } from '../../../app/voice/inlet.ts';
import { createMicrophone, type Microphone, openUnprocessed } from '../../../app/voice/microphone.ts';
import { createVoiceReceiver } from '../../../app/voice/receive.ts';
import { base64 } from './base64.ts';
import { createRecorder } from './recorder.ts';

const session = createAudioSession(undefined);
let context: AudioContext | null = null;
let microphone: Microphone | null = null;
let stream: MediaStream | null = null;
let cool: (() => void) | null = null;

async function running(): Promise<AudioContext> {
  context ??= new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  return context;
}

export const voiceBench = {
  async openMicrophone() {
    microphone ??= createMicrophone({
      context: await running(),
      devices: navigator.mediaDevices,
      session,
      setTimer: (run) => {
        cool = run;
        return () => (cool = null);
      },
    });
    const result = await microphone.open();
    if (result.kind === 'live') stream = result.stream;
    return result.kind === 'live' ? { kind: result.kind, streamId: result.stream.id } : result;
  },
  releaseMicrophone: () => microphone?.release(),
  /** Half a minute passes. */
  coolDown: () => cool?.(),
  microphoneLevel: () => microphone?.level() ?? 0,
  microphoneTrack: () => {
    const track = stream?.getAudioTracks()[0];
    return track ? { enabled: track.enabled, state: track.readyState } : null;
  },
  closeMicrophone() {
    microphone?.close();
    microphone?.close();
    microphone = null;
  },

  /** What `open` answers when getUserMedia rejects with an error of that name, or is not there at all. */
  async microphoneFailure(name: string | null) {
    const devices =
      name === null ? undefined : { getUserMedia: () => Promise.reject(new DOMException('no', name)) };
    const failing = createMicrophone({ context: await running(), devices, session });
    const result = await failing.open();
    failing.close();
    return result;
  },

  /**
   * The microphone (which beeps once a second) by the plain way into Web Audio and by ours, beside each other, after the
   * audio thread stood still for half a second while the microphone went on: base64 of Float32, from the same frame.
   */
  async afterHitch(seconds: number) {
    const audio = new AudioContext({ sampleRate: 48_000 });
    await audio.resume();
    const source = { devices: navigator.mediaDevices, session };
    const opened = await openUnprocessed(source);
    if (opened.kind === 'problem') throw new Error(opened.problem);
    const [plain, ours] = [await createRecorder(audio), await createRecorder(audio)];
    audio.createMediaStreamSource(opened.stream).connect(plain.node);
    const inlet = createInlet({ context: audio, stream: opened.stream, destination: ours.node });
    await plain.until(Math.ceil(audio.currentTime * 48_000) + 24_000);
    await audio.suspend();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await audio.resume();
    // Time for a pause to be found.
    const from = Math.ceil(audio.currentTime * 48_000) + 4 * 48_000;
    await plain.until(from + seconds * 48_000);
    await ours.until(from + seconds * 48_000);
    const [plainly, our] = [plain, ours].map((one) => base64(one.samples(from, seconds * 48_000)));
    inlet.close();
    inlet.close();
    opened.stop();
    await audio.close();
    return { plainly: plainly!, our: our! };
  },

  /** A tone sent over a real peer connection within this page, received and recorded: base64 of Float32. */
  async receiveVoice(hz: number) {
    const audio = await running();
    const oscillator = new OscillatorNode(audio, { frequency: hz });
    const outgoing = new MediaStreamAudioDestinationNode(audio);
    oscillator.connect(new GainNode(audio, { gain: 0.3 })).connect(outgoing);
    oscillator.start();
    const [sender, receiver] = [new RTCPeerConnection(), new RTCPeerConnection()];
    sender.onicecandidate = ({ candidate }) => void receiver.addIceCandidate(candidate ?? undefined);
    receiver.onicecandidate = ({ candidate }) => void sender.addIceCandidate(candidate ?? undefined);
    const arrived = new Promise<MediaStream>((resolve) => {
      receiver.ontrack = ({ streams }) => resolve(streams[0]!);
    });
    sender.addTrack(outgoing.stream.getAudioTracks()[0]!, outgoing.stream);
    await sender.setLocalDescription();
    await receiver.setRemoteDescription(sender.localDescription!);
    await receiver.setLocalDescription();
    await sender.setRemoteDescription(receiver.localDescription!);

    const voices = createVoiceReceiver({ context: audio });
    voices.add('peer', await arrived);
    const recorder = await createRecorder(audio);
    voices.output.connect(recorder.node);
    const deadline = performance.now() + 15_000;
    while (voices.level('peer') < 0.6 && performance.now() < deadline) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    const level = voices.level('peer');
    const from = Math.ceil(audio.currentTime * 48_000) + 4_800;
    await recorder.until(from + 24_000);
    const samples = recorder.samples(from, 24_000);
    voices.remove('peer');
    const levelAfter = voices.level('peer');
    voices.close();
    voices.close();
    sender.close();
    receiver.close();
    return { samples: base64(samples), level, levelAfter };
  },
};
