/** `POST /speakers/say` (signaling/protocol/say.ts). Over HTTPS only: the room's key would be readable on the other port. */
import type { ServerResponse } from 'node:http';
import * as v from 'valibot';
import { createAddressBudgets } from '../ops/address-budgets.ts';
import type { Counters } from '../ops/counters.ts';
import { type HttpRequest, readBody, type Route, send } from '../ops/http.ts';
import { isKeyOf } from '../ops/room.ts';
import {
  MAX_SAID_BYTES,
  MAX_SAY_REQUEST_BYTES,
  SAY_PATH,
  type SayAnswer,
  type SayRefusal,
  SayRequest,
} from '../protocol/say.ts';
import { FRAME_MS, parseFrames } from '../stream/frames.ts';
import type { Clips } from './clips.ts';
import type { Announcement } from './port.ts';

/** Of one address: four in a row, then one in five seconds. */
const PACE = { burst: 4, perSecond: 0.2 };
const HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
const STATUS = {
  'bad-message': 400,
  'wrong-key': 403,
  'too-large': 413,
  'not-frames': 415,
  'too-often': 429,
} as const;

export interface SayRouteOptions {
  clips: Pick<Clips, 'keep'>;
  /** @returns for each of them why not, in plain words; null: it says it */
  announce(
    roomId: string,
    speakerIds: readonly string[],
    announcement: Announcement,
  ): Promise<SayAnswer['said']>;
  /** The node's plain HTTP as that interface's neighbours see it, see `StreamOrder.url`; without a slash at its end. */
  baseUrl(seenFrom: string | null): string;
  counters: Counters;
  /** Monotonic milliseconds. */
  now: () => number;
  isExempt(address: string): boolean;
}

function parse(body: Buffer): SayRequest | null {
  try {
    const parsed = v.safeParse(SayRequest, JSON.parse(body.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export function createSayRoute(options: SayRouteOptions): Route {
  const { clips, announce, baseUrl, counters, now, isExempt } = options;
  const budgets = createAddressBudgets(PACE);

  /** What is to be said, or why it is not. */
  function take(body: Buffer | null, address: string): SayRefusal['refused'] | [SayRequest, Announcement] {
    if (body === null) return 'too-large';
    const asked = parse(body);
    if (asked === null) return 'bad-message';
    if (!isKeyOf(asked.roomId, asked.uplinkKey)) return 'wrong-key';
    const mp3 = Buffer.from(asked.mp3, 'base64');
    if (mp3.length > MAX_SAID_BYTES) return 'too-large';
    const { frames, badBytes } = parseFrames(mp3);
    // Nothing but sound is ever served, whoever wrote it.
    if (badBytes > 0 || frames.length === 0) return 'not-frames';
    if (!isExempt(address) && !budgets.spend(address, 1, now())) return 'too-often';
    const path = clips.keep(mp3);
    if (path === null) return 'too-often';
    const url = (seenFrom: string | null): string => `${baseUrl(seenFrom)}${path}`;
    return [asked, { url, durationMs: frames.length * FRAME_MS }];
  }

  async function answer(request: HttpRequest, response: ServerResponse): Promise<void> {
    const body = await readBody(request, MAX_SAY_REQUEST_BYTES);
    if (response.destroyed) return;
    const taken = take(body, request.raw.socket.remoteAddress ?? '');
    if (typeof taken === 'string') {
      counters.count(SAY_PATH, taken);
      const headers = taken === 'too-large' ? { ...HEADERS, Connection: 'close' } : HEADERS;
      const refusal: SayRefusal = { refused: taken };
      return void send(request, response, STATUS[taken], headers, JSON.stringify(refusal));
    }
    const [{ roomId, speakerIds }, announcement] = taken;
    const said = await announce(roomId, [...new Set(speakerIds)], announcement);
    if (response.destroyed) return;
    send(request, response, 200, HEADERS, JSON.stringify({ said } satisfies SayAnswer));
  }

  return (request, response) => {
    if (request.path !== SAY_PATH || !request.secure) return false;
    void answer(request, response);
    return true;
  };
}
