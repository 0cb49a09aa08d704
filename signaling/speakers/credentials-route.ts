/** `POST /speakers/credentials` (signaling/protocol/credentials.ts). Over HTTPS only: secrets would be readable on the other port. */
import type { ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { type HttpRequest, readBody, type Route, send } from '../ops/http.ts';
import { isKeyOf } from '../ops/room.ts';
import {
  CREDENTIALS_PATH,
  type CredentialsAnswer,
  type CredentialsRefusal,
  CredentialsRequest,
  MAX_CREDENTIALS_REQUEST_BYTES,
} from '../protocol/credentials.ts';
import type { CredentialStore } from './credentials.ts';

const HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
const STATUS = { 'bad-message': 400, 'wrong-key': 403, 'too-large': 413, 'cannot-write': 500 } as const;

export interface CredentialsRouteOptions {
  store: CredentialStore;
  /** The room that the node made: anybody can make another, so only its key opens what belongs to the house. */
  defaultRoomId: string;
  counters: Counters;
}

function parse(body: Buffer): CredentialsRequest | null {
  try {
    const parsed = v.safeParse(CredentialsRequest, JSON.parse(body.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export function createCredentialsRoute({ store, defaultRoomId, counters }: CredentialsRouteOptions): Route {
  function carryOut(asked: CredentialsRequest): void {
    if (asked.do === 'forget') store.set(asked.kind, null);
    else if (asked.do === 'set' && asked.kind === 'alexa') store.set(asked.kind, asked.credentials);
    else if (asked.do === 'set' && asked.kind === 'home-assistant') store.set(asked.kind, asked.credentials);
  }

  async function answer(request: HttpRequest, response: ServerResponse): Promise<void> {
    function refuse(refused: CredentialsRefusal['refused']): void {
      counters.count(CREDENTIALS_PATH, refused);
      const headers = refused === 'too-large' ? { ...HEADERS, Connection: 'close' } : HEADERS;
      send(
        request,
        response,
        STATUS[refused],
        headers,
        JSON.stringify({ refused } satisfies CredentialsRefusal),
      );
    }
    const body = await readBody(request, MAX_CREDENTIALS_REQUEST_BYTES);
    if (response.destroyed) return;
    if (body === null) return refuse('too-large');
    const asked = parse(body);
    if (asked === null) return refuse('bad-message');
    if (asked.roomId !== defaultRoomId || !isKeyOf(asked.roomId, asked.uplinkKey)) return refuse('wrong-key');
    try {
      carryOut(asked);
    } catch {
      return refuse('cannot-write');
    }
    const credentials = store.describe();
    send(request, response, 200, HEADERS, JSON.stringify({ credentials } satisfies CredentialsAnswer));
  }

  return (request, response) => {
    if (request.path !== CREDENTIALS_PATH || !request.secure) return false;
    void answer(request, response);
    return true;
  };
}
