import { describe, expect, test } from 'vitest';
import { createDemoDriver } from '../../signaling/speakers/demo.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';

describe('demo speakers', () => {
  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      let changes = 0;
      const driver = createDemoDriver(['Kitchen', 'Bath'], { onChange: () => changes++ });
      const device = driver.device('Kitchen');
      return {
        driver,
        device: {
          name: 'Kitchen',
          heard: async () => (device.state === 'playing' ? device.url : null),
          volume: async () => device.volume,
          muted: async () => device.muted,
          delayMs: async () => device.delayMs,
          pressStop: async () => device.press('stop'),
          turnKnob: async (volume) => device.turn(volume),
          unplug: async () => device.unplug(),
          plugIn: async () => device.plugIn(),
          refuse: async () => device.refuse('This speaker is busy with an alarm.'),
        },
        changes: () => changes,
        streams: ['http://10.0.0.1:8097/stream.mp3', 'http://10.0.0.1:8097/other.mp3'],
        close: () => driver.close(),
      };
    },
  });
});
