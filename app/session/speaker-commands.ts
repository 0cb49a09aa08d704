/** Commands about what is wanted of loudspeakers. What they then do is the host's business (`app/host/reconcile.ts`). */
import * as v from 'valibot';
import { compositeKey } from './document.ts';
import type { Editor, Result } from './edit.ts';
import * as schema from './schema.ts';
import type { Mix, WantedSpeaker } from './schema.ts';

/** More than a house has; those of which nothing is wanted any more make place. */
const MAX_WANTED = 200;
const NAME_LENGTH = 80;

/** What is to be changed of a speaker; the rest stays. */
export interface SpeakerChange {
  speakerId: string;
  /** As the speaker is called now. */
  name: string;
  on?: boolean;
  /** 0…1 */
  volume?: number;
  muted?: boolean;
  delayMs?: number;
}

export interface SpeakerCommands {
  /** All of them or, when one is out of bounds, none. */
  wantSpeakers(changes: readonly SpeakerChange[]): Result;
  /** For the host: what was done at the devices themselves becomes what is wanted. Whoever may host may do this. */
  followSpeakers(changes: readonly Omit<SpeakerChange, 'delayMs'>[]): Result;
  /** How whoever hosts mixes what goes to all of them; what is left out stays. */
  setMix(change: Partial<Mix>): Result;
}

export function createSpeakerCommands(editor: Editor): SpeakerCommands {
  const { queries, shared } = editor;

  /** @param mark of those that are switched on or off; how loud they are says nothing about who did that */
  function write(changes: readonly SpeakerChange[], mark: Pick<WantedSpeaker, 'byHand'>): Result {
    const records: [string, WantedSpeaker][] = [];
    for (const { speakerId, name, on, volume, muted, delayMs } of changes) {
      const { byHand, ...known } = queries.speakers().get(speakerId) ?? NOTHING;
      const knownMark = byHand === undefined ? {} : { byHand };
      const at = editor.nowMs();
      const record = {
        ...known,
        ...(on === undefined ? {} : { on, onAt: at }),
        ...(volume === undefined ? {} : { volume, volumeAt: at }),
        ...(muted === undefined ? {} : { muted, mutedAt: at }),
        ...(delayMs === undefined ? {} : { delayMs }),
        name: name.trim().slice(0, NAME_LENGTH),
        by: editor.memberId,
        ...(on === undefined ? knownMark : mark),
      };
      const parsed = v.safeParse(schema.WantedSpeaker, record);
      if (!parsed.success || !v.is(schema.Id, speakerId)) return { ok: false, reason: 'invalid' };
      records.push([speakerId, parsed.output]);
    }
    const fresh = new Set(
      changes.map((change) => change.speakerId).filter((id) => !queries.speakers().has(id)),
    );
    const tooMany = queries.speakers().size + fresh.size - MAX_WANTED;
    const given = new Set(changes.map((change) => change.speakerId));
    const idle = [...queries.speakers()].filter(([id, wish]) => !wish.on && !given.has(id));
    if (tooMany > idle.length) return { ok: false, reason: 'full' };
    editor.transact(() => {
      for (const [id] of idle.slice(0, Math.max(0, tooMany))) shared.speakers.delete(id);
      for (const [id, record] of records) shared.speakers.set(id, record);
    });
    return { ok: true };
  }

  return {
    wantSpeakers(changes) {
      if (!editor.allowed('speakers')) return { ok: false, reason: 'not-allowed' };
      return write(changes, {});
    },
    followSpeakers(changes) {
      if (!editor.allowed('offer-host')) return { ok: false, reason: 'not-allowed' };
      return write(changes, { byHand: true });
    },
    setMix(change) {
      if (!editor.allowed('speakers')) return { ok: false, reason: 'not-allowed' };
      const parsed = v.safeParse(v.partial(schema.Mix), change);
      if (!parsed.success) return { ok: false, reason: 'invalid' };
      const known = new Map(Object.entries(queries.settings().mix));
      const news = Object.entries(parsed.output).filter(([part, value]) => known.get(part) !== value);
      if (news.length === 0) return { ok: true };
      editor.transact(() => {
        for (const [part, value] of news) shared.settings.set(compositeKey('mix', part), value);
      });
      return { ok: true };
    },
  };
}

const NOTHING: WantedSpeaker = {
  on: false,
  onAt: 0,
  volume: null,
  volumeAt: 0,
  muted: null,
  mutedAt: 0,
  delayMs: null,
  name: '',
  by: '',
};
