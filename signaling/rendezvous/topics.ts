/** y-webrtc's signaling (its `bin/server.js`): peers subscribe to topics and publish to them. The node reads none of it. */
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { createSocketPath, type GuardedSocket, type SocketPath } from '../ops/sockets.ts';
import { SIGNALING_PATH } from '../protocol/node-info.ts';
import { MAX_RENDEZVOUS_MESSAGE_BYTES, MAX_TOPICS_PER_SOCKET, TopicMessage } from '../protocol/rendezvous.ts';

const MAX_SOCKETS = 1024;
/**
 * A message costs as many as it reaches. While two hundred people arrive, each announces itself up to 150 times, 30,000
 * deliveries; a client that sends its signals over the topic too, as y-webrtc does, causes some 300,000. Both are within
 * the burst. A delivery costs the node about 15 µs: a flood gets a sixth of a core, and half of one from all its sockets.
 */
const PACE = {
  messages: { burst: 400_000, perSecond: 10_000 },
  bytes: { burst: 8_388_608, perSecond: 2_097_152 },
};
const PACE_OF_ADDRESS = { burst: 400_000, perSecond: 40_000 };
/** A message that reaches nobody has to be parsed all the same. */
const BASE_COST = 10;

function parseMessage(data: Buffer): TopicMessage | null {
  try {
    const parsed = v.safeParse(TopicMessage, JSON.parse(data.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** @param now monotonic milliseconds */
export function createTopics(
  counters: Counters,
  now: () => number,
  isExempt: (address: string) => boolean,
): SocketPath {
  const subscribers = new Map<string, Set<GuardedSocket>>();

  function leave(socket: GuardedSocket, topic: string): void {
    const sockets = subscribers.get(topic);
    sockets?.delete(socket);
    if (sockets?.size === 0) subscribers.delete(topic);
  }

  function serve(socket: GuardedSocket): void {
    const mine = new Set<string>();

    function handle(message: TopicMessage): void {
      switch (message.type) {
        case 'subscribe':
          for (const topic of message.topics) {
            if (mine.size >= MAX_TOPICS_PER_SOCKET && !mine.has(topic)) return socket.bad('too-many-topics');
            mine.add(topic);
            const sockets = subscribers.get(topic) ?? new Set();
            subscribers.set(topic, sockets.add(socket));
          }
          return;
        case 'unsubscribe':
          for (const topic of message.topics) {
            mine.delete(topic);
            leave(socket, topic);
          }
          return;
        case 'publish': {
          const sockets = subscribers.get(message.topic);
          if (sockets === undefined) return;
          socket.charge(sockets.size);
          const text = JSON.stringify({ ...message, clients: sockets.size });
          for (const receiver of sockets) receiver.send(text);
          return;
        }
        case 'ping':
          socket.send('{"type":"pong"}');
      }
    }

    socket.onMessage((data, isBinary) => {
      socket.charge(BASE_COST);
      // y-webrtc's client sends text; lib0's older one sent the same JSON as binary.
      const message = parseMessage(data);
      if (message !== null) return handle(message);
      socket.send(JSON.stringify({ type: 'refused', reason: isBinary ? 'bad-binary' : 'bad-message' }));
      socket.bad('bad-message');
    });
    socket.onClose(() => {
      for (const topic of mine) leave(socket, topic);
      mine.clear();
    });
  }

  return createSocketPath({
    path: SIGNALING_PATH,
    maxMessageBytes: MAX_RENDEZVOUS_MESSAGE_BYTES,
    maxSockets: MAX_SOCKETS,
    isExempt,
    pace: PACE,
    paceOfAddress: PACE_OF_ADDRESS,
    now,
    counters,
    onSocket: serve,
  });
}
