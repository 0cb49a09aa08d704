/**
 * Who belongs together (`GetZoneGroupState` of Sonos's ZoneGroupTopology:1): every player of the house in one answer. Pure. Its
 * data are attributes, which the reader of the other UPnP devices passes over.
 */
import { parseXml } from '../xml.ts';

export interface Zone {
  /** `RINCON_…`; the same for the same player for ever. */
  uuid: string;
  /** The room, as its owner called it. */
  name: string;
  /** Of its description: its address and port. */
  location: string;
  /** Who leads its group; itself when it is alone. */
  coordinator: string;
}

const MAX_ZONES = 64;
const UUID = /^RINCON_[0-9A-F]{12,24}$/;

/** Attributes of a tag, entities resolved. */
function attributesOf(tag: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', value = ''] of tag.matchAll(/([\w:]{1,64})="([^"<]{0,2000})"/g))
    attributes.set(name, parseXml(`<a>${value}</a>`)?.text ?? '');
  return attributes;
}

/**
 * Visible players only: the second of a stereo pair and home cinema's satellites are parts of another.
 * What is read twice, ends at the next `<`: no text takes longer than its length.
 */
export function parseTopology(state: string): Zone[] {
  const zones: Zone[] = [];
  let coordinator = '';
  for (const [, kind = '', rest = ''] of state.matchAll(
    /<(ZoneGroup|ZoneGroupMember)\s((?:[^"<>]|"[^"<]*")*)>/g,
  )) {
    const attributes = attributesOf(rest);
    if (kind === 'ZoneGroup') {
      coordinator = attributes.get('Coordinator') ?? '';
      continue;
    }
    const uuid = attributes.get('UUID') ?? '';
    const isHidden = attributes.get('Invisible') === '1' || attributes.get('IsZoneBridge') === '1';
    if (isHidden || !UUID.test(uuid) || zones.length >= MAX_ZONES) continue;
    const name = (attributes.get('ZoneName') ?? '').trim().slice(0, 80);
    zones.push({
      uuid,
      name: name === '' ? 'Sonos' : name,
      location: attributes.get('Location') ?? '',
      coordinator: UUID.test(coordinator) ? coordinator : uuid,
    });
  }
  return zones;
}
