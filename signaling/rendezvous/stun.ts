/** STUN Binding over UDP (RFC 8489, sections 5, 14.1 and 14.2): tells a peer the address the node sees it at. */
import { ATTRIBUTE, buildStun, METHOD, type StunMessage, xorAddress, type Endpoint } from './stun-message.ts';

/** The answer to a Binding request, or null when it is none. Pure. */
export function answerBinding(message: StunMessage, from: Endpoint): Buffer | null {
  if (message.method !== METHOD.binding || message.class !== 'request') return null;
  const { method, transactionId } = message;
  const attributes = [[ATTRIBUTE.xorMappedAddress, xorAddress(from, transactionId)]] as const;
  return buildStun({ method, class: 'success', transactionId, attributes }, null);
}
