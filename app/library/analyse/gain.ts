/** By how much a track is made louder or softer, so that all sound as loud: measured (EBU R 128), or as its tags say. */
import { AudioSampleSink, BlobSource, Input, ALL_FORMATS } from 'mediabunny';
import { createLoudnessMeter, type LoudnessMeter } from './loudness.ts';

/** ReplayGain 2.0's reference. */
const TARGET_LUFS = -18;
/** R 128's own, which Opus' R128_TRACK_GAIN refers to (RFC 7845 section 5.2.1). */
const R128_LUFS = -23;
const MOST_DB = 12;
const LEAST_DB = -24;
/** A longer track is measured in stretches spread over it: an hour would take a minute to decode. */
const WHOLE_MS = 15 * 60_000;
const STRETCHES = 20;
const STRETCH_SECONDS = 15;

/** Never so much that the loudest sample leaves the scale; `peak` linear. */
export function gainFor(loudnessLufs: number, peak: number): number {
  const room = peak > 0 ? -20 * Math.log10(peak) : 0;
  const wanted = TARGET_LUFS - loudnessLufs;
  const gainDb = Math.min(wanted, Math.max(0, room));
  return Math.round(Math.min(MOST_DB, Math.max(LEAST_DB, gainDb)) * 100) / 100;
}

/** What ReplayGain or R128 tags say, in dB; null without any that makes sense. `raw`: as mediabunny hands them out. */
export function gainFromTags(raw: Readonly<Record<string, unknown>> | undefined): number | null {
  const tags = new Map<string, string>();
  for (const [key, value] of Object.entries(raw ?? {})) {
    if (typeof value === 'string') tags.set(key.toUpperCase(), value);
    else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
      // ID3's TXXX frames: description → text.
      for (const [inner, text] of Object.entries(value))
        if (typeof text === 'string') tags.set(inner.toUpperCase(), text);
    }
  }
  const replayGain = /^\s*([+-]?\d{1,2}(?:\.\d+)?)\s*(?:dB)?\s*$/i.exec(
    tags.get('REPLAYGAIN_TRACK_GAIN') ?? '',
  )?.[1];
  if (replayGain !== undefined) {
    const peak = Number.parseFloat(tags.get('REPLAYGAIN_TRACK_PEAK') ?? '');
    return gainFor(TARGET_LUFS - Number(replayGain), Number.isFinite(peak) ? peak : 1);
  }
  const r128 = tags.get('R128_TRACK_GAIN')?.trim();
  if (r128 !== undefined && /^[+-]?\d{1,5}$/.test(r128)) return gainFor(R128_LUFS - Number(r128) / 256, 1);
  return null;
}

/** In dB; null where this browser cannot decode the track here, or it is silent. Rejects with the signal's reason. */
export async function measureGain(
  file: Blob,
  durationMs: number,
  signal: AbortSignal,
): Promise<number | null> {
  const input = new Input({ source: new BlobSource(file), formats: ALL_FORMATS });
  try {
    const track = await input.getPrimaryAudioTrack();
    if (!track || !(await track.canDecode())) return null;
    const rateHz = await track.getSampleRate();
    const meter = createLoudnessMeter(rateHz, await track.getNumberOfChannels());
    const sink = new AudioSampleSink(track);
    if (durationMs <= WHOLE_MS) await take(sink, meter, undefined, signal);
    else {
      for (let index = 0; index < STRETCHES; index++) {
        await take(sink, meter, ((index + 0.5) * durationMs) / STRETCHES / 1_000, signal);
        meter.cut();
      }
    }
    const loudness = meter.integrated();
    return loudness === null ? null : gainFor(loudness, meter.peak);
  } catch (error) {
    signal.throwIfAborted();
    // Damage that the demuxer let pass: the music comes in without a gain.
    if (error instanceof Error) return null;
    throw error;
  } finally {
    input.dispose();
  }
}

async function take(
  sink: AudioSampleSink,
  meter: LoudnessMeter,
  fromSeconds: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const untilSeconds = fromSeconds === undefined ? undefined : fromSeconds + STRETCH_SECONDS;
  for await (const sample of sink.samples(fromSeconds, untilSeconds)) {
    try {
      signal.throwIfAborted();
      meter.add(
        Array.from({ length: sample.numberOfChannels }, (_, planeIndex) => {
          const plane = new Float32Array(sample.numberOfFrames);
          sample.copyTo(plane, { planeIndex, format: 'f32-planar' });
          return plane;
        }),
      );
    } finally {
      sample.close();
    }
  }
}
