import { expect, it } from 'vitest';
import { byHand } from '../../../app/state/by-hand.ts';

it.each([
  ['http://10.0.0.2:8097/stream.mp3', 'http://10.0.0.2:8097/stream.m3u'],
  ['http://10.0.0.2:8097/stream/abc.mp3', 'http://10.0.0.2:8097/stream/abc.m3u'],
])('%s is given by hand, with the playlist that the node serves beside it', (streamUrl, playlistUrl) => {
  const { devices, ...rest } = byHand(streamUrl);
  expect(rest).toEqual({ streamUrl, playlistUrl });
  expect(new Set(devices.map(({ id }) => id)).size).toBe(devices.length);
  for (const { steps, address } of devices) {
    expect(steps.every((step) => step.endsWith('.'))).toBe(true);
    expect([null, streamUrl, playlistUrl]).toContain(address);
  }
});
