/**
 * Runs on a host of the lab: the DLNA driver, told what to do by lines of JSON on stdin. Prints a line after each change, and
 * one for each answer (`driver-on.ts` is the other end). Ends with its stdin.
 */
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { createCounters } from '../../signaling/ops/counters.ts';
import { silentLog } from '../../signaling/ops/log.ts';
import { createDlnaDriver } from '../../signaling/speakers/dlna/driver.ts';
import { SpeakerError } from '../../signaling/speakers/port.ts';
import type { DriverLine, DriverRequest } from './driver-on.ts';

const say = (line: DriverLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const driver = createDlnaDriver({
  onChange: () => say({ type: 'speakers', speakers: driver.speakers() }),
  interfaces: networkInterfaces,
  now: () => performance.now(),
  counters: createCounters(),
  log: silentLog(),
});

async function carryOut(request: DriverRequest): Promise<void> {
  switch (request.do) {
    case 'play':
      return driver.play(request.speakerId, { url: () => request.url, title: request.title });
    case 'stop':
      return driver.stop(request.speakerId);
    case 'volume':
      return driver.setVolume?.(request.speakerId, request.volume);
    case 'mute':
      return driver.setMuted?.(request.speakerId, request.muted);
    case 'close':
      return driver.close();
  }
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { id, request } = JSON.parse(line) as { id: number; request: DriverRequest };
  carryOut(request).then(
    () => say({ type: 'done', id, error: null, isOwn: true }),
    (error: unknown) => {
      const isOwn = error instanceof SpeakerError;
      say({ type: 'done', id, error: isOwn ? error.message : String(error), isOwn });
    },
  );
});
lines.on('close', () => void driver.close().then(() => process.exit()));
