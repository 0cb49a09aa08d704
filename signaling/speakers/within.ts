/** What every driver's deeds have in common: they end in time, and with words for people. */
import { DEED_MS, SpeakerError } from './port.ts';

export const OUT_OF_REACH = 'It does not answer. Is it switched on, and on this network?';
export const SHUTTING_DOWN = 'The node is shutting down.';

/** Settles within `DEED_MS`; rejects with a SpeakerError, and nothing else. `work` goes on, and what it ends with is dropped. */
export async function withinDeed<T>(work: () => Promise<T>, words = OUT_OF_REACH): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SpeakerError(words)), DEED_MS - 500);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    if (error instanceof SpeakerError) throw error;
    throw new SpeakerError(words, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** 1…80 characters. */
export function nameOr(name: string, otherwise: string): string {
  const shown = name.trim().slice(0, 80);
  return shown === '' ? otherwise : shown;
}
