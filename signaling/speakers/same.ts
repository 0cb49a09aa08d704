/**
 * One device that several drivers see: which of them shows it. Two speakers that are taken for one hide one of them, so what is
 * not certain is shown twice. Pure.
 */
import type { SpeakerKind } from '../protocol/speakers.ts';

/** What a driver tells of a speaker, for it to be known again. */
export interface Marks {
  /** IP address of the device itself; null: unknown. */
  readonly host: string | null;
  /**
   * What no other device has, as `<namespace>:<value>`: `upnp` (UDN, lower case, without `uuid:`), `sonos` (`RINCON_…`), `cast` (32
   * hexadecimal digits).
   */
  readonly keys: readonly string[];
}

export interface Candidate {
  readonly id: string;
  readonly kind: SpeakerKind;
  readonly name: string;
  readonly model: string | null;
  readonly marks: Marks;
}

/** The nearest to the device first. Others are never the same: a Snapclient is a program, and an Echo tells nothing. */
const NEAREST: readonly SpeakerKind[] = ['sonos', 'cast', 'dlna', 'home-assistant'];
/** A shorter model says nothing. */
const LEAST_MODEL = 3;

/** Of a UPnP device, as a key. */
export const upnpKey = (udn: string): string => `upnp:${udn.toLowerCase().replace(/^uuid:/, '')}`;

const plain = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
const spaceOf = (key: string): string => key.slice(0, key.indexOf(':'));
const sharesKey = (one: Candidate, other: Candidate): boolean =>
  one.marks.keys.some((key) => other.marks.keys.includes(key));

/** Both tell the same kind of thing, and differ. */
function contradict(one: Candidate, other: Candidate): boolean {
  if (one.marks.host !== null && other.marks.host !== null && one.marks.host !== other.marks.host)
    return true;
  const spaces = new Set(other.marks.keys.map(spaceOf));
  return !sharesKey(one, other) && one.marks.keys.some((key) => spaces.has(spaceOf(key)));
}

function areModelsAlike(one: string | null, other: string | null): boolean {
  const [a, b] = [plain(one ?? ''), plain(other ?? '')];
  return Math.min(a.length, b.length) >= LEAST_MODEL && (a.includes(b) || b.includes(a));
}

/** The same name, and beside it the same address or the same model. */
function areAlike(one: Candidate, other: Candidate): boolean {
  const name = plain(one.name);
  if (name === '' || name !== plain(other.name) || contradict(one, other)) return false;
  return (one.marks.host !== null && other.marks.host !== null) || areModelsAlike(one.model, other.model);
}

/** Those pairs of which neither fits anybody else: several zones or renderers of one machine are several speakers. */
function pairsOf(
  ones: readonly Candidate[],
  others: readonly Candidate[],
  fit: (one: Candidate, other: Candidate) => boolean,
): [Candidate, Candidate][] {
  return ones.flatMap((one): [Candidate, Candidate][] => {
    const [other, ...more] = others.filter((candidate) => fit(one, candidate));
    if (other === undefined || more.length > 0) return [];
    return ones.filter((candidate) => fit(candidate, other)).length === 1 ? [[one, other]] : [];
  });
}

/** Ids that are not to be shown, each with the one that is shown in its place. */
export function doublesOf(speakers: readonly Candidate[]): ReadonlyMap<string, string> {
  const shownAs = new Map<string, string>();
  for (const [at, kind] of NEAREST.entries()) {
    const near = speakers.filter((speaker) => speaker.kind === kind);
    for (const further of NEAREST.slice(at + 1)) {
      const far = speakers.filter((speaker) => speaker.kind === further);
      // Who is known by a key is not looked for by likeness.
      const nearLeft = near.filter((one) => !far.some((other) => sharesKey(one, other)));
      const farLeft = far.filter((other) => !near.some((one) => sharesKey(one, other)));
      const pairs = [...pairsOf(near, far, sharesKey), ...pairsOf(nearLeft, farLeft, areAlike)];
      for (const [one, other] of pairs)
        if (!shownAs.has(other.id)) shownAs.set(other.id, shownAs.get(one.id) ?? one.id);
    }
  }
  return shownAs;
}
