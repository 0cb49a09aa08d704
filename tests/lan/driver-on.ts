/** The DLNA driver as it runs on a host of the lab, behind the port that it implements: the test itself is not on that LAN. */
import { createInterface } from 'node:readline';
import { type DriverSpeaker, SpeakerError, type SpeakerDriver } from '../../signaling/speakers/port.ts';
import type { LabHost } from './lab.ts';

export type DriverRequest =
  | { do: 'play'; speakerId: string; url: string; title: string }
  | { do: 'stop'; speakerId: string }
  | { do: 'volume'; speakerId: string; volume: number }
  | { do: 'mute'; speakerId: string; muted: boolean }
  | { do: 'close' };

export type DriverLine =
  | { type: 'speakers'; speakers: readonly DriverSpeaker[] }
  | { type: 'done'; id: number; error: string | null; isOwn: boolean };

export interface DriverOnHost extends SpeakerDriver {
  end(): void;
}

export function driverOn(host: LabHost, onChange: () => void): DriverOnHost {
  const script = new URL('./driver-host.ts', import.meta.url).pathname;
  const child = host.spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<number, (line: Extract<DriverLine, { type: 'done' }>) => void>();
  let speakers: readonly DriverSpeaker[] = [];
  let last = 0;
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const line = JSON.parse(text) as DriverLine;
    if (line.type === 'done') return waiting.get(line.id)?.(line);
    speakers = line.speakers;
    onChange();
  });

  function ask(request: DriverRequest): Promise<void> {
    const id = ++last;
    child.stdin?.write(`${JSON.stringify({ id, request })}\n`);
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ error, isOwn }) => {
        waiting.delete(id);
        if (error === null) resolve();
        else reject(isOwn ? new SpeakerError(error) : new Error(error));
      });
    });
  }

  return {
    kind: 'dlna',
    speakers: () => speakers,
    play: (speakerId, order) => ask({ do: 'play', speakerId, url: order.url(null), title: order.title }),
    stop: (speakerId) => ask({ do: 'stop', speakerId }),
    setVolume: (speakerId, volume) => ask({ do: 'volume', speakerId, volume }),
    setMuted: (speakerId, muted) => ask({ do: 'mute', speakerId, muted }),
    close: () => ask({ do: 'close' }),
    end: () => child.stdin?.end(),
  };
}
