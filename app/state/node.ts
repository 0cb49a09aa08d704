/** What the app asks the LAN node over plain requests: its addresses once, its stream's listeners now and then. */
import * as v from 'valibot';
import { NODE_INFO_PATH, NodeInfo } from '../../signaling/protocol/node-info.ts';
import { StatusReport } from '../../signaling/protocol/status.ts';
import { MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../../signaling/protocol/uplink.ts';
import type { KeptStore } from './kept.ts';
import { fitOf, type Fit } from './versions.ts';

const LISTENERS_EVERY_MS = 5_000;
const GIVE_UP_MS = 4_000;

export interface NodeWatch {
  /** Asks again now: the connection changed. */
  look(): void;
  close(): void;
}

/** What was kept of an earlier answer, if it still parses. */
export function readNodeInfo(value: unknown): NodeInfo | null {
  const result = v.safeParse(NodeInfo, value);
  return result.success ? result.output : null;
}

export function watchNode(options: {
  kept: KeptStore;
  roomId: string;
  onInfo: (info: NodeInfo) => void;
  onFit: (fit: Fit) => void;
  /** Null: out of reach. */
  onListeners: (listeners: number | null) => void;
}): NodeWatch {
  const abort = new AbortController();

  async function ask(path: string): Promise<unknown> {
    try {
      const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(GIVE_UP_MS)]);
      const response = await fetch(path, { signal, cache: 'no-store' });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  async function askInfo(): Promise<void> {
    const answer = await ask(NODE_INFO_PATH);
    if (answer !== null && !abort.signal.aborted)
      options.onFit(fitOf(answer, { protocol: PROTOCOL_VERSION, minProtocol: MIN_PROTOCOL_VERSION }));
    const info = readNodeInfo(answer);
    if (info === null || abort.signal.aborted) return;
    options.kept.update({ nodeInfo: info });
    options.onInfo(info);
  }

  async function askListeners(): Promise<void> {
    const report = v.safeParse(StatusReport, await ask('/stream/status'));
    if (abort.signal.aborted) return;
    const stream = report.success
      ? report.output.streams.find((one) => one.roomId === options.roomId)
      : undefined;
    options.onListeners(report.success ? (stream?.listeners ?? 0) : null);
  }

  const timer = setInterval(() => {
    if (document.visibilityState === 'visible') void askListeners();
  }, LISTENERS_EVERY_MS);
  const look = (): void => {
    void askInfo();
    void askListeners();
  };
  look();
  return {
    look,
    close() {
      clearInterval(timer);
      abort.abort();
    },
  };
}
