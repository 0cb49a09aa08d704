import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { backoffMs } from '../../../app/mesh/backoff.ts';
import { type Transcript, fingerprintOf, importMeshKey, prove, verify } from '../../../app/mesh/handshake.ts';
import { createSendQueue } from '../../../app/mesh/send-queue.ts';
import { createVoice } from '../../../app/mesh/voice.ts';

describe('handshake', () => {
  const transcript: Transcript = {
    dialerId: 'a',
    answererId: 'b',
    dialerNonce: new Uint8Array(32).fill(1),
    answererNonce: new Uint8Array(32).fill(2),
    dialerFingerprint: 'sha-256 aa:bb',
    answererFingerprint: 'sha-256 cc:dd',
  };

  test('H1 the right proof is accepted, and no part of the transcript can be another', async () => {
    const key = await importMeshKey(new Uint8Array(32).fill(7));
    const proof = await prove(key, 'dialer', transcript);
    expect(await verify(key, 'dialer', transcript, proof)).toBe(true);
    const changes: Partial<Transcript>[] = [
      { dialerId: 'c' },
      { answererId: 'c' },
      { dialerId: 'ab', answererId: '' },
      { dialerNonce: new Uint8Array(32).fill(3) },
      { answererNonce: new Uint8Array(32).fill(3) },
      // Somebody in the middle shows each side a certificate of its own.
      { dialerFingerprint: 'sha-256 ee:ff' },
      { answererFingerprint: 'sha-256 ee:ff' },
    ];
    for (const change of changes) {
      expect(await verify(key, 'dialer', { ...transcript, ...change }, proof)).toBe(false);
    }
  });

  test('H2 a proof sent back to its prover, or made with another key, is refused', async () => {
    const key = await importMeshKey(new Uint8Array(32).fill(7));
    const proof = await prove(key, 'dialer', transcript);
    expect(await verify(key, 'answerer', transcript, proof)).toBe(false);
    const other = await importMeshKey(new Uint8Array(32).fill(8));
    expect(await verify(other, 'dialer', transcript, proof)).toBe(false);
    expect(await verify(key, 'dialer', transcript, proof.slice(0, 31))).toBe(false);
  });

  test('H3 the fingerprint is read from a session description', () => {
    expect(fingerprintOf('v=0\r\na=fingerprint:sha-256 AB:CD:01\r\na=setup:active\r\n')).toBe(
      'sha-256 ab:cd:01',
    );
    const twice = 'a=fingerprint:sha-256 AA:BB\r\nm=audio 9\r\na=fingerprint:sha-256 aa:bb\r\n';
    expect(fingerprintOf(twice)).toBe('sha-256 aa:bb');
    expect(fingerprintOf(twice.replace('aa:bb', 'cc:dd'))).toBe(null);
    expect(fingerprintOf('v=0\r\n')).toBe(null);
    expect(fingerprintOf(undefined)).toBe(null);
  });
});

describe('backoff', () => {
  test('K1 doubles from 1 s to 30 s, jittered over its upper half', () => {
    expect([1, 2, 3, 4, 5, 6, 50].map((n) => backoffMs(n, () => 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
    ]);
    expect([1, 6].map((n) => backoffMs(n, () => 0))).toEqual([500, 15_000]);
  });
});

/** A data channel whose queue the test drains by hand. */
function fakeChannel() {
  const channel = Object.assign(new EventTarget(), {
    readyState: 'open',
    bufferedAmount: 0,
    bufferedAmountLowThreshold: 0,
    sent: [] as number[],
    send(message: Uint8Array) {
      channel.sent.push(message[0] ?? -1);
      channel.bufferedAmount += message.length;
    },
    drain() {
      channel.bufferedAmount = 0;
      channel.dispatchEvent(new Event('bufferedamountlow'));
    },
  });
  return channel;
}

describe('send queue', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const open = () => {
    const channel = fakeChannel();
    return { channel, queue: createSendQueue(channel as unknown as RTCDataChannel, 100) };
  };
  const message = (first: number, length = 80) =>
    Uint8Array.from({ length }, (_, i) => (i === 0 ? first : 0));
  const settle = () => vi.advanceTimersByTimeAsync(0);

  test('Q1 holds back above the high water mark, and keeps the order', async () => {
    const { channel, queue } = open();
    const done: number[] = [];
    for (const n of [1, 2, 3, 4]) void queue.send(message(n)).then(() => done.push(n));
    await settle();
    expect([channel.sent, done]).toEqual([[1, 2], [1]]);
    channel.drain();
    await settle();
    expect([channel.sent, done]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3],
    ]);
    channel.drain();
    await settle();
    expect(done).toEqual([1, 2, 3, 4]);
  });

  test('Q2 a closed channel rejects everything that waits, and everything after', async () => {
    const { channel, queue } = open();
    const results = [1, 2, 3, 4].map((n) =>
      queue.send(message(n)).then(
        () => 'sent',
        (error: Error) => error.name,
      ),
    );
    channel.readyState = 'closed';
    channel.dispatchEvent(new Event('close'));
    expect(await Promise.all(results)).toEqual([
      'sent',
      'PeerUnreachableError',
      'PeerUnreachableError',
      'PeerUnreachableError',
    ]);
    await expect(queue.send(message(5))).rejects.toThrow('went away');
  });

  test('Q3 a queue that does not drain in time rejects', async () => {
    const { queue } = open();
    await queue.send(message(1, 50));
    const stuck = expect(queue.send(message(2, 500))).rejects.toMatchObject({ name: 'PeerUnreachableError' });
    await vi.advanceTimersByTimeAsync(10_000);
    await stuck;
  });
});

describe('voice', () => {
  test('V1 signals that are not well formed change nothing', () => {
    const connection = Object.assign(new EventTarget(), { signalingState: 'stable' });
    const touched = vi.fn();
    for (const name of ['setRemoteDescription', 'setLocalDescription', 'addIceCandidate']) {
      Object.assign(connection, { [name]: touched });
    }
    const voice = createVoice({
      connection: connection as unknown as RTCPeerConnection,
      polite: true,
      packetMs: touched,
      sendSignal: touched,
      onVoice: touched,
    });
    const bad = [
      '',
      '{',
      '[]',
      'null',
      '{"kind":"voice"}',
      '{"kind":"voice","on":1}',
      '{"kind":"description"}',
    ];
    for (const json of [...bad, '{"kind":"candidate","candidate":{}}', `{"kind":"x${'y'.repeat(1e5)}"}`]) {
      voice.receive(json);
    }
    expect(touched).not.toHaveBeenCalled();
  });
});
