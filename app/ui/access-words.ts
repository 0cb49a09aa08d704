/** What is asked for so that the node is let in, and how it is called. */
import type { AccessKind, AccessState } from '../state/model.ts';

export interface AccessField {
  name: string;
  label: string;
  example: string;
  /** Never shown. */
  secret?: true;
  inputmode?: 'url';
  /** What stands there at first. */
  start?: string;
}

export interface AccessWords {
  title: string;
  lead: string;
  steps: readonly string[];
  fields: readonly AccessField[];
  forgets: string;
}

export const ACCESS: Readonly<Record<AccessKind, AccessWords>> = {
  'home-assistant': {
    title: 'Home Assistant',
    lead: 'Everything that plays there becomes a loudspeaker here, with the room that it stands in.',
    steps: [
      'In Home Assistant, open your profile → Security.',
      'Long-lived access tokens → Create token. Name it Earshot.',
      'Copy it and paste it here: it is shown only once.',
    ],
    fields: [
      {
        name: 'url',
        label: 'Address of Home Assistant',
        example: 'http://192.168.1.5:8123',
        inputmode: 'url',
      },
      { name: 'token', label: 'Token', example: '', secret: true },
    ],
    forgets:
      'Its loudspeakers go from the list. The token stays valid in Home Assistant until you delete it there.',
  },
  alexa: {
    title: 'Echo (Alexa)',
    lead: 'This is the one thing here that needs the internet: an Echo plays only what Amazon can reach at a public HTTPS address.',
    steps: [
      'Run music-assistant-alexa, and set up its skill.',
      'Make this computer’s stream reachable from the internet by HTTPS.',
      'Give both addresses here.',
    ],
    fields: [
      {
        name: 'url',
        label: 'Address of music-assistant-alexa',
        example: 'http://192.168.1.5:5000',
        inputmode: 'url',
      },
      { name: 'user', label: 'Its user name, if it has one', example: '' },
      { name: 'password', label: 'Its password, if it has one', example: '', secret: true },
      {
        name: 'streamUrl',
        label: 'The stream’s public address',
        example: 'https://radio.example.org',
        inputmode: 'url',
      },
      { name: 'name', label: 'What it is called here', example: '', start: 'Echo' },
    ],
    forgets: 'It goes from the list. An Echo that still plays is stopped by voice: “Alexa, stop”.',
  },
};

export const isSet = (state: AccessState | undefined): boolean => state != null && state.url !== null;

/** In a word or two. */
export function accessState(state: AccessState | undefined): string {
  if (!isSet(state)) return 'not set';
  return state?.trouble == null ? 'set' : 'set, but it does not work';
}
