/** What sounds, apart from the output itself: a part of the composition root, loaded when the page has been shown. */
import { createHostEngine, type HostEngine } from './host/engine.ts';
import { createConductor, type Conductor } from './playback/conductor.ts';
import { createPlayer, type Player } from './playback/player.ts';
import { createSteadyTimers } from './playback/steady-timers.ts';
import { createEar, type Ear } from './playback/trim/ear.ts';
import { type Library, trackRef } from './library/library.ts';
import type { Moment } from './playback/timeline.ts';
import type { SoundOptions } from './sound.ts';
import { createVoiceReceiver, type VoiceReceiver } from './voice/receive.ts';

export interface SoundParts {
  player: Player;
  conductor: Conductor;
  engine: HostEngine;
  receiver: VoiceReceiver;
  ear: Ear;
  close(): void;
}

/**
 * @param destination this device's own loudspeaker
 * @param trimMs what is in force now
 */
export function createSoundParts(
  options: SoundOptions,
  context: AudioContext,
  destination: AudioNode,
  trimMs: () => number,
): SoundParts {
  const { clock, queries, library } = options;
  const music = context.createGain();
  // The mix is taken before it: what makes room for chirps here is not heard on the loudspeakers.
  const heard = context.createGain();
  music.connect(heard).connect(destination);

  function openTrack(trackId: string): ReturnType<Library['open']> | null {
    const track = queries.tracks().get(trackId);
    if (!track || !library.isInReach(trackId)) return null;
    return library.open(trackRef(trackId, track));
  }

  const gainDb = (trackId: string): number => queries.tracks().get(trackId)?.gainDb ?? 0;

  const seekIndex = (trackId: string): string | undefined => queries.tracks().get(trackId)?.seekIndex;

  let toldTrackId: string | null = null;
  function tellTitle(moment: Moment | null): void {
    const trackId = moment?.item.trackId ?? null;
    if (trackId === toldTrackId) return;
    toldTrackId = trackId;
    const track = trackId === null ? undefined : queries.tracks().get(trackId);
    engine.setTitle(track?.title ?? '', track?.artist ?? null);
  }

  const timers = createSteadyTimers();
  const setTimer = timers.set;
  const player = createPlayer({
    ...{ context, clock, open: openTrack, destination: music, gainDb, seekIndex, setTimer },
  });
  const engine = createHostEngine({ context, music, uplink: options.uplink });
  engine.onState(options.onUplink);
  const conductor = createConductor({ queries, clock, library, player, onMoment: tellTitle, setTimer });
  const receiver = createVoiceReceiver({ context });
  receiver.output.connect(destination);
  const ear = createEar({ context, clock, destination, music: heard, trimMs });

  return {
    player,
    conductor,
    engine,
    receiver,
    ear,
    close() {
      ear.close();
      conductor.close();
      player.close();
      timers.close();
      engine.close();
      receiver.close();
      music.disconnect();
      heard.disconnect();
    },
  };
}
