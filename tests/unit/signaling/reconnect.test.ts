import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  type AttemptEvents,
  createReconnect,
  FIRST_DELAY_MS,
  MAX_DELAY_MS,
} from '../../../signaling/stream/reconnect.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function connection() {
  const attempts: { events: AttemptEvents; closed: boolean }[] = [];
  const lost: string[] = [];
  const reconnect = createReconnect({
    open(events) {
      const attempt = { events, closed: false };
      attempts.push(attempt);
      return { close: () => void (attempt.closed = true) };
    },
    onUp: () => {},
    onLost: (why) => void lost.push(why),
  });
  return { attempts, lost, reconnect, last: () => attempts.at(-1)!.events };
}

it('comes back soon after a connection that held', () => {
  const { attempts, last, reconnect } = connection();
  for (let times = 1; times < 5; times++) {
    last().up();
    vi.advanceTimersByTime(60_000);
    last().lost('gone');
    vi.advanceTimersByTime(FIRST_DELAY_MS);
    expect(attempts).toHaveLength(times + 1);
  }
  reconnect.close();
});

it('asks more and more rarely what takes connections and ends them at once', () => {
  const { attempts, last, reconnect } = connection();
  const MINUTE_MS = 60_000;
  for (let ms = 0; ms < MINUTE_MS; ms += 100) {
    last().up();
    last().lost('gone');
    vi.advanceTimersByTime(100);
  }
  expect(attempts.length).toBeLessThan(5 + MINUTE_MS / MAX_DELAY_MS + 3);
  expect(attempts.length).toBeGreaterThan(6);
  reconnect.close();
});

it('says each reason once, closes what was lost, and nothing follows a close', async () => {
  const { attempts, lost, last, reconnect } = connection();
  for (let times = 0; times < 3; times++) {
    last().lost('refused');
    last().lost('once more');
    vi.advanceTimersByTime(MAX_DELAY_MS);
  }
  await Promise.resolve();
  expect(lost).toEqual(['refused']);
  expect(attempts.map(({ closed }) => closed)).toEqual([true, true, true, false]);
  reconnect.close();
  last().lost('later');
  vi.advanceTimersByTime(MAX_DELAY_MS);
  expect([attempts.length, attempts.at(-1)?.closed, lost.length]).toEqual([4, true, 1]);
});
