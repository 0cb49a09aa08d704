/// <reference lib="webworker" />
import { ImportError } from './analysis.ts';
import { shrinkCover } from './cover.ts';
import { analyseFile } from './file.ts';
import type { AnalyseRequest, AnalyseResponse } from './messages.ts';

const running = new Map<number, AbortController>();
const post = (response: AnalyseResponse) => self.postMessage(response);
/** Progress is for eyes. */
const PROGRESS_EVERY_BYTES = 2 * 1024 * 1024;

async function analyse(id: number, file: File): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  let toldBytes = 0;
  try {
    const analysis = await analyseFile({
      file,
      fileName: file.name,
      signal: abort.signal,
      shrinkCover,
      onProgress(doneBytes) {
        if (doneBytes - toldBytes < PROGRESS_EVERY_BYTES) return;
        toldBytes = doneBytes;
        post({ type: 'progress', id, doneBytes });
      },
    });
    post({ type: 'done', id, analysis });
  } catch (error) {
    if (abort.signal.aborted) post({ type: 'cancelled', id });
    else if (error instanceof ImportError)
      post({ type: 'failed', id, reason: error.reason, message: error.message });
    else
      post({
        type: 'failed',
        id,
        reason: 'unreadable',
        message: `“${file.name}” could not be read: ${String(error)}`,
      });
  } finally {
    running.delete(id);
  }
}

self.addEventListener('message', ({ data }: MessageEvent<AnalyseRequest>) => {
  if (data.type === 'analyse') void analyse(data.id, data.file);
  else running.get(data.id)?.abort();
});
