/** `GET /node.json` (HTTPS): what the app must know of the node that serves it. Holds no secret. */
import * as v from 'valibot';

export const NODE_INFO_PATH = '/node.json';
export const SIGNALING_PATH = '/signaling';
export const BROKER_PATH = '/broker';

export const NodeInfo = v.object({
  name: v.literal('earshot'),
  version: v.string(),
  protocol: v.pipe(v.number(), v.integer()),
  /** The oldest protocol that this node still speaks: an app whose own version is lower has to be updated first. */
  minProtocol: v.optional(v.pipe(v.number(), v.integer()), 1),
  /** Where people join: the plain-HTTP landing page, e.g. `http://192.168.1.20:8097/`. */
  joinUrl: v.string(),
  /** The app's HTTPS address that phones can reach, e.g. `https://192.168.1.20:8443/`. */
  appUrl: v.string(),
  /** What speakers are told, e.g. `http://192.168.1.20:8097`; `/stream.mp3` hangs below it. */
  streamBaseUrl: v.string(),
  /** The default room, whose stream is `/stream.mp3`. */
  defaultRoomId: v.string(),
  stunPort: v.nullable(v.pipe(v.number(), v.integer())),
  /** UDP port of the relay, or null when there is none; credentials come from `TURN_PATH` (turn.ts). */
  turnPort: v.optional(v.nullable(v.pipe(v.number(), v.integer())), null),
  /** The certificate of this port: until when (Unix time), and whether it is the local CA's or one of the owner's own. */
  certificate: v.optional(
    v.nullable(v.object({ validUntilMs: v.number(), issuedBy: v.picklist(['local', 'own']) })),
    null,
  ),
  /** Landing pages at this machine's other addresses and names, for devices that cannot reach `joinUrl`; best first. */
  otherUrls: v.optional(v.array(v.string()), []),
});
export type NodeInfo = v.InferOutput<typeof NodeInfo>;
