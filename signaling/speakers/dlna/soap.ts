/** One action of a UPnP service (UPnP Device Architecture 1.0 section 3), and its errors in plain words. */
import { LanError, lanRequest } from '../lan-request.ts';
import { SpeakerError } from '../port.ts';
import { escapeXml, findXml, parseXml, type XmlElement } from '../xml.ts';
import type { Service } from './description.ts';

/** A device answered with an error: it is there. */
export class UpnpError extends SpeakerError {
  readonly code: number;

  constructor(code: number, said: string) {
    super(WORDS[code] ?? `It refused${said === '' ? '' : `: ${said}`} (error ${code}).`);
    this.code = code;
  }
}

/** UPnP AVTransport:1 section 2.4, RenderingControl:1 section 2.4, and the architecture's own. */
const WORDS: Readonly<Record<number, string>> = {
  401: 'It does not know how to do this.',
  501: 'It could not do this just now. Try again, or switch it off and on at its plug.',
  701: 'It is busy with something else. Stop it at the device, then try again.',
  703: 'It could not read the stream.',
  704: 'It does not play this kind of stream.',
  705: 'Something else has it locked. Stop that first.',
  714: 'It does not play this kind of stream.',
  715: 'Somebody else is using it.',
  716: 'It could not reach the stream. It and the computer that runs Earshot must be on the same network.',
  718: 'It no longer knows what it was told to play. Switch it on again.',
};
const MAX_SAID = 80;

/**
 * `fields`: with `InstanceID` null for services that have no instances.
 * @throws UpnpError when the device refuses, LanError when it cannot be talked to
 */
export async function soap(
  service: Service,
  action: string,
  fields: Readonly<Record<string, string | null>> = {},
  timeoutMs?: number,
): Promise<XmlElement> {
  const inner = Object.entries({ InstanceID: '0', ...fields })
    .map(([name, value]) => (value === null ? '' : `<${name}>${escapeXml(value)}</${name}>`))
    .join('');
  const type = escapeXml(service.type);
  const { status, body } = await lanRequest({
    url: service.controlUrl,
    method: 'POST',
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    headers: {
      'Content-Type': 'text/xml; charset="utf-8"',
      SOAPAction: `"${service.type.replaceAll(/[^\w:.-]/g, '')}#${action}"`,
    },
    body:
      '<?xml version="1.0" encoding="utf-8"?>' +
      '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">' +
      `<s:Body><u:${action} xmlns:u="${type}">${inner}</u:${action}></s:Body></s:Envelope>`,
  });
  const answer = parseXml(body);
  if (status === 200) {
    const response = findXml(answer, `${action}Response`);
    if (response === null) throw new LanError('its answer makes no sense');
    return response;
  }
  const error = findXml(answer, 'UPnPError');
  const code = Number(findXml(error, 'errorCode')?.text ?? Number.NaN);
  if (!Number.isInteger(code)) throw new LanError(`it answers ${status}`);
  throw new UpnpError(code, (findXml(error, 'errorDescription')?.text ?? '').slice(0, MAX_SAID));
}
