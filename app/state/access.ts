/** What the node is told so that Home Assistant and Alexa let it in, and what its answers mean in plain words. */
import * as v from 'valibot';
import {
  CREDENTIALS_PATH,
  type CredentialKind,
  CredentialsAnswer,
  CredentialsRefusal,
  type CredentialsRequest,
  CREDENTIALS_OF,
  type CredentialState,
} from '../../signaling/protocol/credentials.ts';

const GIVE_UP_MS = 8_000;

/** What is wrong, with the remedy; `field` says with which of the fields, if with one. */
export interface AccessProblem {
  field: string | null;
  says: string;
}

export type AccessAnswer =
  | { kind: 'told'; list: readonly CredentialState[] }
  /** Only the key of the room that the node made opens this. */
  | { kind: 'elsewhere'; says: string }
  | { kind: 'failed'; problem: AccessProblem };

/** Rejects when the node is out of reach. */
export type AccessPost = (request: CredentialsRequest) => Promise<{ status: number; body: unknown }>;

export interface AccessRequests {
  list(): Promise<AccessAnswer>;
  /** @param given the fields as somebody typed them: those of `CREDENTIALS_OF` */
  set(kind: CredentialKind, given: Readonly<Record<string, string>>): Promise<AccessAnswer>;
  forget(kind: CredentialKind): Promise<AccessAnswer>;
}

export const ELSEWHERE =
  'Home Assistant and Echos belong to the house: they are set and play in the own room of the computer that runs Earshot, not in this one. It shows that room’s link when it starts. Started with --room and this room’s link in quotes, it takes this one for its own.';
const ADDRESS = 'It begins with http:// or https://, and holds no name, no password and no “?”.';
const FIELDS: Readonly<Record<string, string>> = {
  url: `This is no address of it. ${ADDRESS}`,
  streamUrl: 'This is no address of it. It looks like https://radio.example.org.',
  token: 'This is no token. Copy it again, the whole of it, from your profile in Home Assistant.',
  user: 'The user name holds a colon or a letter that cannot be sent. Choose another one there.',
  password: 'The password holds a letter that cannot be sent. Choose another one there.',
  name: 'A name, please. “Echo” will do.',
};
const REFUSALS: Readonly<Record<Exclude<CredentialsRefusal['refused'], 'wrong-key'>, string>> = {
  'bad-message': 'The computer that runs Earshot did not take this. Look over what you typed.',
  'too-large': 'This is too long. Look over what you typed.',
  'cannot-write':
    'The computer that runs Earshot could not keep it: its disk is full, or its data folder may not be written. See to that, and try again.',
};

const failed = (says: string, field: string | null = null): AccessAnswer => ({
  kind: 'failed',
  problem: { field, says },
});

function misses(issue: v.BaseIssue<unknown>): AccessAnswer {
  const field = v.getDotPath(issue);
  const says = field === null ? undefined : issue.type === 'check' ? issue.message : FIELDS[field];
  return says === undefined ? failed(REFUSALS['bad-message']) : failed(says, field);
}

export function createAccessRequests({
  roomId,
  uplinkKey,
  post,
}: {
  roomId: string;
  uplinkKey: string;
  post: AccessPost;
}): AccessRequests {
  async function ask(request: CredentialsRequest): Promise<AccessAnswer> {
    let answer: Awaited<ReturnType<AccessPost>>;
    try {
      answer = await post(request);
    } catch {
      return failed('The computer that runs Earshot does not answer. See that it is on, and try again.');
    }
    const told = v.safeParse(CredentialsAnswer, answer.body);
    if (answer.status === 200 && told.success) return { kind: 'told', list: told.output.credentials };
    const refusal = v.safeParse(CredentialsRefusal, answer.body);
    if (!refusal.success)
      return failed('The computer that runs Earshot has an older version. Update Earshot there.');
    const { refused } = refusal.output;
    return refused === 'wrong-key' ? { kind: 'elsewhere', says: ELSEWHERE } : failed(REFUSALS[refused]);
  }

  return {
    list: () => ask({ do: 'list', roomId, uplinkKey }),
    async set(kind, given) {
      // What is pasted often brings a line break along; a password may begin with a space.
      const fields = Object.fromEntries(
        Object.entries(given).map(([name, text]) => [name, name === 'password' ? text : text.trim()]),
      );
      if (kind === 'alexa') {
        const parsed = v.safeParse(CREDENTIALS_OF[kind], fields);
        if (!parsed.success) return misses(parsed.issues[0]);
        return ask({ do: 'set', roomId, uplinkKey, kind, credentials: parsed.output });
      }
      const parsed = v.safeParse(CREDENTIALS_OF[kind], fields);
      if (!parsed.success) return misses(parsed.issues[0]);
      return ask({ do: 'set', roomId, uplinkKey, kind, credentials: parsed.output });
    },
    forget: (kind) => ask({ do: 'forget', roomId, uplinkKey, kind }),
  };
}

/** Over HTTPS, as the page itself: never over the plain port. */
export const postAccess: AccessPost = async (request) => {
  const response = await fetch(CREDENTIALS_PATH, {
    method: 'POST',
    body: JSON.stringify(request),
    cache: 'no-store',
    signal: AbortSignal.timeout(GIVE_UP_MS),
  });
  const body: unknown = await response.json().catch(() => null);
  return { status: response.status, body };
};
