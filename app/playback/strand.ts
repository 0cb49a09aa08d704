/**
 * Sound without a seam: takes decoded samples in, and lays them end to end into the audio graph as buffers at the
 * context's own rate, each beginning at the very frame at which the one before ends. One strand carries any number of
 * tracks of one sample rate; where it lies in time is decided when it starts, and bent afterwards by `rate`.
 */
import { createResampler } from './resample.ts';

export interface Strand {
  readonly inputRateHz: number;
  readonly channelCount: number;
  /** Input frames pushed so far. */
  readonly pushedFrames: number;
  /** Input frames that are not laid out yet. */
  readonly queuedFrames: number;
  push(channels: readonly Float32Array[]): void;
  pushSilence(frames: number): void;
  /** Drops input up to a frame, which will not be laid out. */
  skip(inputFrame: number): void;
  /** Nothing more will be pushed: the last samples may go out. */
  end(): void;
  /** Everything was pushed and is laid out. */
  readonly done: boolean;
  /** Once done: by how many input frames the last buffer reaches beyond the end, less than one buffer frame. */
  readonly overshoot: number;
  /**
   * Begins (again) to sound, after the start or after it ran dry: input frame `inputFrame`, which may be a fraction but
   * not behind `tailInput`, at context frame `contextFrame`.
   */
  start(contextFrame: number, inputFrame: number, fadeIn: boolean): void;
  /** Sound is laid out or about to be; false before the start and after running dry. */
  readonly started: boolean;
  /** Context frame up to which sound is laid out, and the input frame that comes next. */
  readonly tailFrame: number;
  readonly tailInput: number;
  /** Lays out one more buffer, `rate` times the right speed; false when the input does not go so far yet. */
  extend(rate: number): boolean;
  /** Takes back what is laid out after a context time (to the next seam of buffers): it will be laid out differently. */
  takeBack(afterSeconds: number): void;
  /** Input frame heard at a context time, or null where nothing is laid out. */
  inputAt(contextSeconds: number): number | null;
  /** The tail is about to be reached, or was, and nothing follows yet: it has ended there, softly. */
  runDry(): void;
  /** Ends softly at a context time, for good. */
  stop(atSeconds: number): void;
}

/** Long enough that not even a low tone at full level is heard to break off. */
const FADE_SECONDS = 0.02;
const BUFFER_FRAMES = 9_600;
/** The first ones are short, so that sound begins as soon as there is some. */
const FIRST_BUFFER_FRAMES = 2_400;
const FIRST_BUFFERS = 3;
/** As long as the resampler's reach: lets the last samples out. */
const FLUSH_FRAMES = 64;
const REMEMBERED_SECONDS = 3;
/** As far as `takeBack` reaches: what is laid out ahead, and a little. */
const HISTORY_SECONDS = 6;

/** `frames` of the context from `frame` on, which hold the input from `input` on, `step` of it a frame. */
export interface Span {
  frame: number;
  frames: number;
  input: number;
  step: number;
}

interface Piece extends Span {
  source: AudioBufferSourceNode;
}

/** A frame's time in seconds, times the rate, is a hair less than the frame in one case of thirteen. */
const ROUNDING_FRAMES = 1e-3;

/** Input frame heard at a context time, or null where no span lies; `spans` in order of time. */
export function inputIn(spans: readonly Span[], contextSeconds: number, rateHz: number): number | null {
  const frame = contextSeconds * rateHz + ROUNDING_FRAMES;
  const span = spans.findLast((candidate) => frame >= candidate.frame);
  if (!span || frame >= span.frame + span.frames) return null;
  return span.input + (frame - ROUNDING_FRAMES - span.frame) * span.step;
}

/** What sounds between one start and the next end. */
interface Breath {
  gain: GainNode;
  sources: Set<AudioBufferSourceNode>;
  buffers: number;
  over: boolean;
  /** Context times at which it begins, and at which it has come up. */
  startSeconds: number;
  upAtSeconds: number;
  /** Context time from which it goes down if nothing more is laid out; null while nothing is. */
  guardSeconds: number | null;
}

export function createStrand(options: {
  context: BaseAudioContext;
  destination: AudioNode;
  inputRateHz: number;
  channelCount: number;
}): Strand {
  const { context, destination, inputRateHz, channelCount } = options;
  const rateHz = context.sampleRate;
  const nominalStep = inputRateHz / rateHz;
  const resampler = createResampler(channelCount, nominalStep, Math.ceil(HISTORY_SECONDS * inputRateHz));
  let pieces: Piece[] = [];
  let breath: Breath | null = null;
  let tailFrame = 0;
  let endInput: number | null = null;

  const pushedFrames = (): number => endInput ?? resampler.pushedFrames;
  const done = (): boolean => endInput !== null && resampler.at >= endInput;

  function lay(into: Breath, frames: number, step: number): void {
    const buffer = context.createBuffer(channelCount, frames, rateHz);
    const channels = Array.from({ length: channelCount }, (_, index) => buffer.getChannelData(index));
    const source = context.createBufferSource();
    pieces.push({ frame: tailFrame, frames, input: resampler.at, step, source });
    resampler.pull(channels, step);
    source.buffer = buffer;
    source.connect(into.gain);
    source.onended = () => {
      source.disconnect();
      into.sources.delete(source);
      if ((into.over || done()) && into.sources.size === 0) into.gain.disconnect();
    };
    into.sources.add(source);
    into.buffers++;
    source.start(tailFrame / rateHz);
    tailFrame += frames;
  }

  /** Whoever lays out more may hang: what is laid out ends softly by itself, unless something follows it right there. */
  function guard(into: Breath): void {
    const { gain } = into.gain;
    if (into.guardSeconds !== null) gain.cancelScheduledValues(into.guardSeconds);
    into.guardSeconds = null;
    if (done()) return;
    const tailSeconds = tailFrame / rateHz;
    into.guardSeconds = Math.max(into.upAtSeconds + 1 / rateHz, tailSeconds - FADE_SECONDS);
    gain.setValueAtTime(1, into.guardSeconds);
    gain.linearRampToValueAtTime(0, Math.max(into.guardSeconds, tailSeconds));
  }

  return {
    inputRateHz,
    channelCount,
    get pushedFrames() {
      return pushedFrames();
    },
    get queuedFrames() {
      return Math.max(0, pushedFrames() - resampler.at);
    },
    push: (channels) => resampler.push(channels),
    pushSilence: (frames) => resampler.pushSilence(frames),
    skip: (inputFrame) => resampler.seek(inputFrame),
    end() {
      if (endInput !== null) return;
      endInput = resampler.pushedFrames;
      resampler.pushEnding(FLUSH_FRAMES);
    },
    get done() {
      return done();
    },
    get overshoot() {
      return endInput === null ? 0 : Math.max(0, resampler.at - endInput);
    },
    start(contextFrame, inputFrame, fadeIn) {
      const gain = context.createGain();
      const at = contextFrame / rateHz;
      if (fadeIn) {
        gain.gain.value = 0;
        gain.gain.setValueAtTime(0, at);
        gain.gain.linearRampToValueAtTime(1, at + FADE_SECONDS);
      }
      gain.connect(destination);
      const upAtSeconds = fadeIn ? at + FADE_SECONDS : at;
      const rest = { sources: new Set<AudioBufferSourceNode>(), buffers: 0, over: false, guardSeconds: null };
      breath = { gain, startSeconds: at, upAtSeconds, ...rest };
      tailFrame = contextFrame;
      resampler.seek(inputFrame);
    },
    get started() {
      return breath !== null;
    },
    get tailFrame() {
      return tailFrame;
    },
    get tailInput() {
      return resampler.at;
    },
    extend(rate) {
      if (!breath) return false;
      const step = nominalStep * rate;
      const whole = breath.buffers < FIRST_BUFFERS ? FIRST_BUFFER_FRAMES : BUFFER_FRAMES;
      const left = endInput === null ? Infinity : Math.ceil((endInput - resampler.at) / step);
      const wanted = Math.min(whole, left);
      if (wanted <= 0 || resampler.available(step) < wanted) return false;
      lay(breath, wanted, step);
      guard(breath);
      const forgetBefore = (context.currentTime - REMEMBERED_SECONDS) * rateHz;
      while (pieces.length > 1 && (pieces[0]?.frame ?? 0) + (pieces[0]?.frames ?? 0) < forgetBefore)
        pieces.shift();
      return true;
    },
    takeBack(afterSeconds) {
      if (!breath) return;
      const cut = pieces.findIndex((piece) => piece.frame >= afterSeconds * rateHz);
      const first = pieces[cut];
      if (!first) return;
      for (const { source } of pieces.slice(cut)) {
        source.onended = null;
        source.stop();
        source.disconnect();
        breath.sources.delete(source);
      }
      pieces = pieces.slice(0, cut);
      tailFrame = first.frame;
      resampler.rewind(first.input);
      guard(breath);
    },
    inputAt: (contextSeconds) => inputIn(pieces, contextSeconds, rateHz),
    runDry() {
      if (!breath) return;
      breath.over = true;
      if (breath.sources.size === 0) breath.gain.disconnect();
      breath = null;
    },
    stop(atSeconds) {
      if (!breath) return;
      const { gain, sources, startSeconds, upAtSeconds, guardSeconds } = breath;
      const wanted = Math.max(context.currentTime, atSeconds);
      // Not begun: it never will. Half way up: first it comes up.
      const from = wanted <= startSeconds ? null : Math.max(wanted, upAtSeconds);
      // Past the guard it is on its way down already.
      if (from !== null && (guardSeconds === null || from < guardSeconds)) {
        gain.gain.cancelScheduledValues(from);
        gain.gain.setValueAtTime(1, from);
        gain.gain.linearRampToValueAtTime(0, from + FADE_SECONDS);
      }
      for (const source of sources) source.stop(from === null ? 0 : from + FADE_SECONDS);
      breath.over = true;
      if (sources.size === 0) gain.disconnect();
      breath = null;
    },
  };
}
