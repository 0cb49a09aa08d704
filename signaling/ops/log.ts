/** One structured line an event, on stdout. Nothing secret is ever passed to it: no secret, key, or full join link. */
import { type Logger, pino } from 'pino';

export type Log = Logger;

export function createLog(): Log {
  return pino(
    { base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 1, sync: true }),
  );
}

/** For tests and embedding: says nothing. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
