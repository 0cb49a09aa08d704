import type { HostModel } from '../state/model.ts';

/** A host plays, and the node that carries its sound to the loudspeakers neither takes it nor can be asked. */
export function isOutOfReach({ host, uplink, listeners }: HostModel): boolean {
  return host !== null && (uplink.state === 'down' || (uplink.state !== 'up' && listeners === null));
}
