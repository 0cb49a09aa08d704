/** DLNA and UPnP AV renderers: radios, receivers, televisions, and what else plays what it is told by a controller. */
import { lanHost } from '../lan-request.ts';
import type { DriverOptions, SpeakerDriver } from '../port.ts';
import { createRoster } from '../roster.ts';
import { describe, type Description } from './description.ts';
import { createEvents } from './events.ts';
import { openRenderer, type Renderer } from './renderer.ts';
import { createSsdp, type Sighting } from './ssdp.ts';

export interface DlnaOptions extends DriverOptions {
  /** Devices that another driver does better: passed over here. */
  isPassedOver?: (description: Description) => boolean;
}

export function createDlnaDriver(options: DlnaOptions): SpeakerDriver {
  const { onChange, now, isPassedOver = () => false } = options;
  const events = createEvents(options);
  let closed = false;

  const roster = createRoster<Sighting, Renderer>({
    ...options,
    kind: 'dlna',
    async open({ udn, location }, onLost) {
      const description = await describe(location);
      if (description.udn !== udn) throw new Error('another device');
      if (isPassedOver(description)) return null;
      return openRenderer({ description, events, now, onChange: () => !closed && onChange(), onLost });
    },
    shut: (renderer, leave) => renderer.close(leave),
    hostOf: ({ location }) => lanHost(location) ?? '',
    about: ({ speaker }) => speaker,
    onChange: () => !closed && onChange(),
  });

  function seen(sighting: Sighting): void {
    const { udn, location } = sighting;
    const member = roster.get(udn);
    if (member?.device == null) roster.meet(udn, sighting);
    else if (member.device.location !== location) {
      // Somebody else may say so; what is still who it was stays, what is not is looked for there.
      member.found = sighting;
      member.device.doubt();
    }
    roster.soon(udn);
  }

  const ssdp = createSsdp({
    ...options,
    onSeen: seen,
    onBye: (udn) => roster.get(udn)?.device?.look(),
  });

  return {
    kind: 'dlna',
    speakers: () => roster.there().map(({ device }) => device.speaker),
    play: (id, order) => roster.reach(id, (renderer) => renderer.play(order)),
    stop: (id) => roster.reach(id, (renderer) => renderer.stop()),
    setVolume: (id, volume) => roster.reach(id, (renderer) => renderer.setVolume(volume)),
    setMuted: (id, muted) => roster.reach(id, (renderer) => renderer.setMuted(muted)),
    async close() {
      if (closed) return;
      closed = true;
      ssdp.close();
      roster.close();
      await events.close();
    },
  };
}
