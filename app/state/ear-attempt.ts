/** One attempt to find this device's timing by ear, and the words for all that may come of it. Loaded when it is wanted. */
import type { Deafness } from '../playback/trim/hear.ts';
import { agreement, type Found, type Outcome } from '../playback/trim/meaning.ts';
import type { ChirpAnswer } from '../playback/trim/requests.ts';
import { MICROPHONE_WORDS, type MicrophoneProblem } from '../voice/microphone.ts';
import type { TrimByEarOptions } from './ear.svelte.ts';
import type { DeviceModel, EarModel } from './model.ts';

const ANSWER_MS = 1_000;
const TRIES = 2;
type State = EarModel['state'];
type Problem = Extract<State, { kind: 'problem' }>;

/** @param peerId whom to compare with; null: alone. Rejects when aborted, and when this browser cannot record. */
export async function attempt(
  { device, people, requests, openMicrophone, ear: earOf }: TrimByEarOptions,
  {
    peerId,
    signal,
    onListening,
  }: { peerId: string | null; signal: AbortSignal; onListening: (share: number) => void },
): Promise<State> {
  const other = people.here.find((person) => person.peerId === peerId);
  const otherDevice = other ? `${other.name}’s ${other.device}` : 'The other device';
  const microphone = await openMicrophone();
  if (microphone.kind === 'problem') return noMicrophone(microphone.problem);
  const { stream } = microphone;
  let asked: number | null = null;
  let answer: ChirpAnswer = 'will';
  try {
    signal.throwIfAborted();
    const ear = earOf();
    if (!ear) return notSounding(device);
    onListening(0);
    const tries: Found[] = [];
    while (tries.length < TRIES) {
      const outcome = await ear.measure({
        stream,
        signal,
        onProgress: (share) => onListening((tries.length + share) / TRIES),
        ask:
          peerId === null
            ? null
            : async (firstRoomMs) => {
                asked = firstRoomMs;
                answer = await requests.ask(peerId, firstRoomMs, ANSWER_MS);
                return answer === 'will';
              },
      });
      if (!outcome) return refused(answer, otherDevice);
      if (outcome.kind === 'not-heard') return unheard(outcome, otherDevice, device);
      tries.push(outcome);
    }
    const [first, second] = tries as [Found, Found];
    const agreed = agreement(first, second);
    return agreed
      ? found(agreed, peerId === null ? null : (other?.name ?? otherDevice), device.mostTrimMs)
      : contradicted(first, second);
  } catch (error) {
    if (peerId !== null && asked !== null) requests.cancel(peerId, asked);
    throw error;
  } finally {
    microphone.stop();
  }
}

function found(
  { foundMs, expectedMs, lateMs, uncertaintyMs, proposedTrimMs, own, other }: Found,
  comparedWith: string | null,
  mostMs: number,
): State {
  return {
    kind: 'found',
    finding: {
      ...{ comparedWith, foundMs, expectedMs, lateMs, uncertaintyMs, own, other },
      proposedTrimMs: Math.max(-mostMs, Math.min(mostMs, proposedTrimMs)),
      tooFar: Math.abs(proposedTrimMs) > mostMs,
    },
  };
}

function contradicted(first: Found, second: Found): Problem {
  const [a, b] = [first, second].map(({ lateMs }) => `${Math.round(lateMs)} ms`);
  return {
    kind: 'problem',
    says: `Two tries in a row say ${a} and ${b}.`,
    remedy: 'A sound stumbled, or something was moved. Lay it down and try again.',
  };
}

function unheard(
  { who, why }: Extract<Outcome, { kind: 'not-heard' }>,
  name: string,
  { kind }: DeviceModel,
): Problem {
  const says = who === 'own' ? `This ${kind} did not hear itself.` : `${name} was not heard.`;
  const words: Record<Deafness, string> = {
    silent: `The microphone gives no sound at all. Uncover it, and switch it on if the ${kind} has a switch for it.`,
    clipped: 'It was too loud for the microphone. Turn the volume down a little, then try again.',
    noise: 'It is too loud around here. Pause the music or wait for a quiet moment, then try again.',
    faint:
      who === 'own'
        ? 'Turn the volume up, take off headphones, and leave the microphone uncovered.'
        : `Turn ${name} up, or go nearer to it, then try again.`,
  };
  return { kind: 'problem', says, remedy: words[why] };
}

function noMicrophone(problem: MicrophoneProblem): Problem {
  const words = {
    ...MICROPHONE_WORDS,
    none: 'No microphone was found. Plug one in, or set the timing by hand.',
  };
  return { kind: 'problem', says: 'The microphone stays closed.', remedy: words[problem] };
}

function notSounding({ kind }: DeviceModel): Problem {
  return {
    kind: 'problem',
    says: `This ${kind} does not sound yet.`,
    remedy: 'Turn “Listen here” on, and try again when it plays.',
  };
}

function refused(answer: ChirpAnswer, name: string): Problem {
  const words: Record<ChirpAnswer, [says: string, remedy: string]> = {
    will: [`${name} did not chirp.`, 'Try again.'],
    deaf: [
      `${name} does not play aloud any more.`,
      'Turn “Listen here” on there, or compare with another device.',
    ],
    busy: [`${name} has chirped a lot just now.`, 'Try again in half a minute.'],
    late: [`${name} was asked too late.`, 'The network is slow at the moment. Try again.'],
    silent: [`${name} did not answer.`, 'Open Earshot there, then try again.'],
  };
  const [says, remedy] = words[answer];
  return { kind: 'problem', says, remedy };
}
