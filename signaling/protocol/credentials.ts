/**
 * `POST /speakers/credentials` over HTTPS: what some loudspeakers' drivers need to be let in, given by who has the room's key,
 * and never given back.
 */
import * as v from 'valibot';
import { withoutStreamPath, writtenProblem } from './public-address.ts';
import { RoomId, UplinkKey } from './uplink.ts';

export const CREDENTIALS_PATH = '/speakers/credentials';
export const MAX_CREDENTIALS_REQUEST_BYTES = 8_192;

export const CredentialKind = v.picklist(['home-assistant', 'alexa']);

/** HTTP or HTTPS, without a name, a password, a query or a fragment in it; no slash at its end. */
export const ServiceUrl = v.pipe(
  v.string(),
  v.trim(),
  v.maxLength(300),
  v.regex(/^https?:\/\/[^\s/?#@\\]+(?:\/[^\s?#@\\]*)?$/i),
  v.transform((url) => url.replace(/\/+$/, '')),
);
const Secret = v.pipe(v.string(), v.minLength(1), v.maxLength(1_000), v.regex(/^[\x20-\x7e]+$/));

/** Of the stream as the internet sees it, without its path. */
const StreamUrl = v.pipe(ServiceUrl, v.transform(withoutStreamPath));
const Alexa = v.object({
  url: ServiceUrl,
  user: v.pipe(v.string(), v.maxLength(200), v.regex(/^[\x20-\x39\x3b-\x7e]*$/)),
  password: v.pipe(v.string(), v.maxLength(1_000), v.regex(/^[\x20-\x7e]*$/)),
  streamUrl: StreamUrl,
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)),
});

/** As they are given; the message of a `check` is for people. */
export const CREDENTIALS_OF = {
  /** `token`: a long-lived access token, made in the person's profile there. */
  'home-assistant': v.object({ url: ServiceUrl, token: Secret }),
  /** Of music-assistant-alexa, and an address that an Echo could play from. */
  alexa: v.object({
    ...Alexa.entries,
    streamUrl: v.pipe(
      StreamUrl,
      v.check(
        (url) => writtenProblem(url) === null,
        ({ input }) => writtenProblem(input) ?? '',
      ),
      v.examples(['https://radio.example.org', 'https://example.com/earshot', 'https://[2600::1]']),
    ),
  }),
};

/** As they are kept: what an older version has taken is told to be wrong, and nothing is lost. */
export const KEPT_CREDENTIALS_OF = { ...CREDENTIALS_OF, alexa: Alexa };

const Proof = { roomId: RoomId, uplinkKey: UplinkKey };

export const CredentialsRequest = v.variant('do', [
  v.object({ do: v.literal('list'), ...Proof }),
  v.object({ do: v.literal('forget'), ...Proof, kind: CredentialKind }),
  v.object({
    do: v.literal('set'),
    ...Proof,
    kind: v.literal('home-assistant'),
    credentials: CREDENTIALS_OF['home-assistant'],
  }),
  v.object({ do: v.literal('set'), ...Proof, kind: v.literal('alexa'), credentials: CREDENTIALS_OF.alexa }),
]);

/** Answers to all of them: what there is now. */
export const CredentialState = v.object({
  kind: CredentialKind,
  /** Null: not set. */
  url: v.nullable(v.string()),
  /** Why it does not work now, in plain words. */
  trouble: v.nullable(v.string()),
});
export const CredentialsAnswer = v.object({ credentials: v.array(CredentialState) });
export const CredentialsRefusal = v.object({
  refused: v.picklist(['bad-message', 'wrong-key', 'too-large', 'cannot-write']),
});

export type CredentialKind = v.InferOutput<typeof CredentialKind>;
export type CredentialsRequest = v.InferOutput<typeof CredentialsRequest>;
export type CredentialState = v.InferOutput<typeof CredentialState>;
export type CredentialsAnswer = v.InferOutput<typeof CredentialsAnswer>;
export type CredentialsRefusal = v.InferOutput<typeof CredentialsRefusal>;
export interface Credentials {
  'home-assistant': v.InferOutput<(typeof CREDENTIALS_OF)['home-assistant']>;
  alexa: v.InferOutput<(typeof CREDENTIALS_OF)['alexa']>;
}
