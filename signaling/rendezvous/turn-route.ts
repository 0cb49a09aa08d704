/** `POST /turn` (signaling/protocol/turn.ts). Over HTTPS only: the uplink's key would be readable on the other port. */
import type { ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { type HttpRequest, readBody, type Route, send } from '../ops/http.ts';
import { isKeyOf } from '../ops/room.ts';
import {
  MAX_TURN_REQUEST_BYTES,
  TURN_PATH,
  type TurnGrant,
  type TurnRefusal,
  TurnRequest,
} from '../protocol/turn.ts';
import type { TurnCredentials } from './turn-credentials.ts';

const HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
const STATUS = { 'bad-message': 400, 'wrong-key': 403, 'too-large': 413, 'no-relay': 503 } as const;

export interface TurnRouteOptions {
  credentials: TurnCredentials;
  /** The relay's addresses for whoever came by this Host header. */
  urls(host: string | undefined): string[];
  counters: Counters;
}

function parse(body: Buffer): TurnRequest | null {
  try {
    const parsed = v.safeParse(TurnRequest, JSON.parse(body.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export function createTurnRoute({ credentials, urls, counters }: TurnRouteOptions): Route {
  async function answer(request: HttpRequest, response: ServerResponse): Promise<void> {
    function refuse(refused: TurnRefusal['refused']): void {
      counters.count(TURN_PATH, refused);
      const headers = refused === 'too-large' ? { ...HEADERS, Connection: 'close' } : HEADERS;
      send(request, response, STATUS[refused], headers, JSON.stringify({ refused } satisfies TurnRefusal));
    }
    const body = await readBody(request, MAX_TURN_REQUEST_BYTES);
    if (response.destroyed) return;
    if (body === null) return refuse('too-large');
    const asked = parse(body);
    if (asked === null) return refuse('bad-message');
    if (!isKeyOf(asked.roomId, asked.uplinkKey)) return refuse('wrong-key');
    const relays = urls(request.raw.headers.host);
    if (relays.length === 0) return refuse('no-relay');
    const grant: TurnGrant = { ...credentials.grant(asked.roomId), urls: relays };
    send(request, response, 200, HEADERS, JSON.stringify(grant));
  }

  return (request, response) => {
    if (request.path !== TURN_PATH) return false;
    void answer(request, response);
    return true;
  };
}
