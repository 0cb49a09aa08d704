import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createCounters } from '../../../signaling/ops/counters.ts';
import { createSsdp } from '../../../signaling/speakers/dlna/ssdp.ts';
import { until } from '../../fixtures/until.ts';

/** Of this process. */
const openFiles = (): number => readdirSync('/proc/self/fd').length;

it('an address that cannot be used is tried again, and leaves nothing open', async () => {
  const counters = createCounters();
  const before = openFiles();
  const elsewhere = { address: '192.0.2.77', family: 'IPv4', internal: false, cidr: '192.0.2.77/24' };
  const ssdp = createSsdp({
    interfaces: () => ({ eth0: [elsewhere] }),
    now: () => performance.now(),
    counters,
    onSeen: () => undefined,
    onBye: () => undefined,
  });
  try {
    const errors = (): number => counters.report()['ssdp socket-error'] ?? 0;
    await until('the second try', () => errors() >= 4);
    await until('nothing to be left', () => openFiles() <= before);
  } finally {
    ssdp.close();
  }
  expect(openFiles()).toBeLessThanOrEqual(before);
});
