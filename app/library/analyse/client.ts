/** The import worker, seen from the page. Started with the first import, since most visits import nothing. */
import { type Analysis, ImportError } from './analysis.ts';
import type { AnalyseRequest, AnalyseResponse } from './messages.ts';

export interface Analyser {
  /** Rejects with ImportError, or with the signal's reason. */
  analyse(file: File, signal: AbortSignal, onProgress: (doneBytes: number) => void): Promise<Analysis>;
  close(): void;
}

interface Waiting {
  resolve(analysis: Analysis): void;
  reject(error: Error): void;
  onProgress(doneBytes: number): void;
}

export function createAnalyser(): Analyser {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | null = null;
  let lastId = 0;

  function start(): Worker {
    const started = new Worker(new URL('./analyse.worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener('message', ({ data }: MessageEvent<AnalyseResponse>) => {
      const request = waiting.get(data.id);
      if (!request) return;
      if (data.type === 'progress') return request.onProgress(data.doneBytes);
      waiting.delete(data.id);
      if (data.type === 'done') request.resolve(data.analysis);
      else if (data.type === 'failed') request.reject(new ImportError(data.reason, data.message));
      else request.reject(new DOMException('the import was cancelled', 'AbortError'));
    });
    started.addEventListener('error', () => {
      const error = new ImportError('unreadable', 'The import stopped unexpectedly. Please try again.');
      for (const request of waiting.values()) request.reject(error);
      waiting.clear();
      started.terminate();
      worker = null;
    });
    return started;
  }

  return {
    analyse(file, signal, onProgress) {
      signal.throwIfAborted();
      const id = ++lastId;
      const active = (worker ??= start());
      const post = (request: AnalyseRequest) => active.postMessage(request);
      const abort = () => post({ type: 'cancel', id });
      signal.addEventListener('abort', abort, { once: true });
      return new Promise<Analysis>((resolve, reject) => {
        waiting.set(id, { resolve, reject, onProgress });
        post({ type: 'analyse', id, file });
      }).finally(() => signal.removeEventListener('abort', abort));
    },
    close() {
      worker?.terminate();
      worker = null;
      for (const request of waiting.values()) request.reject(new DOMException('closed', 'AbortError'));
      waiting.clear();
    },
  };
}
