import { expect, test } from 'vitest';
import { askForPackets } from '../../../app/mesh/packets.ts';

const lines = (...all: string[]): string => all.map((line) => `${line}\r\n`).join('');
const SESSION = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1'];
const DATA = ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:0'];
const AUDIO = ['m=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:1', 'a=rtpmap:111 opus/48000/2'];

test('asks in each section that is sound, and changes nothing else', () => {
  const asked = askForPackets(lines(...SESSION, ...AUDIO, ...DATA, ...AUDIO), 10);
  expect(asked).toBe(lines(...SESSION, ...AUDIO, 'a=ptime:10', ...DATA, ...AUDIO, 'a=ptime:10'));
});

test('leaves alone what has no sound, what asks already, and what is no description', () => {
  for (const sdp of [
    lines(...SESSION, ...DATA),
    lines(...SESSION, ...AUDIO, 'a=ptime:20', ...DATA),
    '',
    'a=m=audio',
  ])
    expect(askForPackets(sdp, 10)).toBe(sdp);
});
