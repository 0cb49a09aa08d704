/** Whether this app and the node that serves it understand each other. Pure. */
import * as v from 'valibot';

/** The part of `/node.json` that no version may change: it is read even when the rest of it is not understood. */
const NodeVersions = v.object({
  name: v.literal('earshot'),
  protocol: v.pipe(v.number(), v.integer()),
  minProtocol: v.optional(v.pipe(v.number(), v.integer()), 1),
});

/** `app-old`: the node no longer speaks this app's protocol; `node-old`: this app no longer speaks the node's. */
export type Fit = 'fits' | 'app-old' | 'node-old';

/**
 * @param answer what `/node.json` said, unparsed
 * @param own the versions that this app speaks
 */
export function fitOf(answer: unknown, own: { protocol: number; minProtocol: number }): Fit {
  const node = v.safeParse(NodeVersions, answer);
  if (!node.success) return 'fits';
  if (node.output.minProtocol > own.protocol) return 'app-old';
  return node.output.protocol < own.minProtocol ? 'node-old' : 'fits';
}
