/**
 * What this page tells the system it does with sound (W3C Audio Session, of which Safari has `navigator.audioSession`). One
 * owner, because two wishes meet there: 'playback' is heard in spite of the iPhone's ring switch, but WebKit refuses
 * getUserMedia under it with InvalidStateError, and ends what records when it is set (WebKit's MediaDevices::getUserMedia).
 */
export interface AudioSession {
  /** This page is to be heard. Changes nothing while a microphone is open, or on its way. */
  play(): void;
  /** Call before a microphone is asked for, and what it returns once that is closed or was refused; twice is harmless. */
  holdForMicrophone(): () => void;
}

/** @param system `navigator.audioSession`: undefined in other browsers, which need none of it. */
export function createAudioSession(system: { type: string } | undefined): AudioSession {
  const holders = new Set<symbol>();
  function apply(): void {
    const type = holders.size > 0 ? 'play-and-record' : 'playback';
    // Each change may be heard as a short stop.
    if (system && system.type !== type) system.type = type;
  }
  return {
    play: apply,
    holdForMicrophone() {
      const holder = Symbol('microphone');
      holders.add(holder);
      apply();
      return () => {
        if (holders.delete(holder)) apply();
      };
    },
  };
}
