/** A device's description and its services' (UPnP Device Architecture 1.0 section 2), reduced to what is needed to play. */
import { createHash } from 'node:crypto';
import { LanError, lanHost, lanRequest } from '../lan-request.ts';
import { allXml, childText, findXml, parseXml, type XmlElement } from '../xml.ts';

export interface Service {
  /** e.g. `urn:schemas-upnp-org:service:AVTransport:1`. */
  type: string;
  controlUrl: string;
  /** Null: it tells no events. */
  eventUrl: string | null;
}

export interface Description {
  udn: string;
  id: string;
  name: string;
  maker: string;
  model: string | null;
  /** Of the device; everything that is asked is asked there. */
  host: string;
  location: string;
  transport: Service;
  /** Null: its volume cannot be set from here. */
  rendering: Service | null;
  /** What its volume counts to. */
  volumeSteps: number;
  /** This machine's address on the way there. */
  localAddress: string;
}

const DEFAULT_VOLUME_STEPS = 100;

/** Older devices write their addresses relative to another one than the description's (`URLBase`, section 2.1). */
function baseOf(root: XmlElement | null, location: string): string {
  const said = root === null ? '' : childText(root, 'URLBase');
  return lanHost(said) === lanHost(location) ? said : location;
}

function service(device: XmlElement, name: string, location: string): (Service & { scpd: string }) | null {
  const host = lanHost(location);
  const found = allXml(device, 'service').find((one) =>
    childText(one, 'serviceType').startsWith(`urn:schemas-upnp-org:service:${name}:`),
  );
  if (found === undefined) return null;
  const at = (field: string): string => {
    const path = childText(found, field);
    if (path === '' || !URL.canParse(path, location)) return '';
    const { href } = new URL(path, location);
    // It could name any address of the LAN, and would have us talk to it.
    return lanHost(href) === host ? href : '';
  };
  const controlUrl = at('controlURL');
  if (controlUrl === '') return null;
  const eventUrl = at('eventSubURL');
  const type = childText(found, 'serviceType').slice(0, 100);
  return { type, controlUrl, eventUrl: eventUrl === '' ? null : eventUrl, scpd: at('SCPDURL') };
}

function idOf(udn: string): string {
  const own = udn.replace(/^uuid:/, '');
  const isFit = /^[\w.-]{1,42}$/.test(own);
  return `dlna:${isFit ? own : createHash('sha256').update(udn).digest('base64url').slice(0, 32)}`;
}

const clean = (text: string, most: number): string =>
  text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, most);

/** Highest value that `SetVolume` takes. */
async function volumeSteps(scpd: string): Promise<number> {
  if (scpd === '') return DEFAULT_VOLUME_STEPS;
  try {
    const { body } = await lanRequest({ url: scpd });
    const variable = allXml(parseXml(body), 'stateVariable').find(
      (one) => childText(one, 'name') === 'Volume',
    );
    const maximum = Number(findXml(variable, 'maximum')?.text ?? Number.NaN);
    return Number.isInteger(maximum) && maximum > 0 && maximum <= 65_535 ? maximum : DEFAULT_VOLUME_STEPS;
  } catch {
    return DEFAULT_VOLUME_STEPS;
  }
}

/** Reads and checks it. @throws LanError when there is nothing there that plays */
export async function describe(location: string): Promise<Description> {
  const { status, body, localAddress } = await lanRequest({ url: location });
  const host = lanHost(location);
  if (status !== 200 || host === null) throw new LanError(`its description: ${status}`);
  // A renderer may be a part of a larger device, and brings its own name then.
  const tree = parseXml(body);
  const base = baseOf(tree, location);
  const device = allXml(tree, 'root')
    .flatMap((root) => devicesOf(root))
    .find((one) => childText(one, 'deviceType').startsWith('urn:schemas-upnp-org:device:MediaRenderer:'));
  if (device === undefined) throw new LanError('its description tells of no renderer');
  const transport = service(device, 'AVTransport', base);
  const udn = childText(device, 'UDN').slice(0, 100);
  if (transport === null || udn === '') throw new LanError('its description is incomplete');
  const rendering = service(device, 'RenderingControl', base);
  const model = clean(childText(device, 'modelName'), 100);
  return {
    udn,
    id: idOf(udn),
    name: clean(childText(device, 'friendlyName'), 80) || 'Loudspeaker',
    maker: clean(childText(device, 'manufacturer'), 100),
    model: model === '' ? null : model,
    host,
    location,
    transport,
    rendering,
    volumeSteps: rendering === null ? DEFAULT_VOLUME_STEPS : await volumeSteps(rendering.scpd),
    localAddress,
  };
}

/** Devices inside devices, the outer ones first. */
function devicesOf(element: XmlElement): readonly XmlElement[] {
  return element.children.flatMap((child) => [
    ...(child.name === 'device' ? [child] : []),
    ...devicesOf(child),
  ]);
}
