/// <reference lib="webworker" />
/**
 * Sync access handles are the only way to write into the middle of a private file in every browser, are exclusive, and
 * exist in workers alone. So what is asked of one file is gathered, and done in one go under a lock that all tabs share.
 */
import { CHUNK_BYTES } from './chunks.ts';
import { openCatalogue } from './opfs-catalogue.ts';
import type { StoreRequest, StoreResponse, StoreResults } from './opfs-messages.ts';

const FOLDER = 'earshot-tracks';

interface Job {
  run(handle: FileSystemSyncAccessHandle): void;
  marks: number | null;
  resolve(): void;
  reject(error: Error): void;
}

const catalogue = openCatalogue();
const folder = navigator.storage
  .getDirectory()
  .then((root) => root.getDirectoryHandle(FOLDER, { create: true }));
// Whoever needs it awaits it.
folder.catch(() => {});
const queues = new Map<string, Job[]>();

function alone<T>(blobId: string, work: () => Promise<T>): Promise<T> {
  return navigator.locks.request(`earshot-track-${blobId}`, work);
}

async function runJobs(blobId: string, jobs: Job[]): Promise<void> {
  const failed = new Map<Job, Error>();
  await alone(blobId, async () => {
    if (!(await (await catalogue).get(blobId))) throw new Error(`no blob ${blobId}`);
    const file = await (await folder).getFileHandle(blobId, { create: true });
    const handle = await file.createSyncAccessHandle();
    try {
      for (const job of jobs) {
        try {
          job.run(handle);
        } catch (error) {
          failed.set(job, error as Error);
        }
      }
      handle.flush();
    } finally {
      handle.close();
    }
    const marks = jobs.flatMap((job) => (job.marks === null || failed.has(job) ? [] : [job.marks]));
    if (marks.length > 0) await (await catalogue).mark(blobId, marks);
  });
  for (const job of jobs) {
    const error = failed.get(job);
    if (error) job.reject(error);
    else job.resolve();
  }
}

async function drain(blobId: string, queue: Job[]): Promise<void> {
  while (queue.length > 0) {
    const jobs = queue.splice(0);
    await runJobs(blobId, jobs).catch((error: unknown) => jobs.forEach((job) => job.reject(error as Error)));
  }
  queues.delete(blobId);
}

function enqueue(blobId: string, marks: number | null, run: Job['run']): Promise<void> {
  return new Promise((resolve, reject) => {
    const job: Job = { run, marks, resolve, reject };
    const queue = queues.get(blobId);
    if (queue) queue.push(job);
    else {
      const started = [job];
      queues.set(blobId, started);
      void drain(blobId, started);
    }
  });
}

function write(blobId: string, chunkIndex: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
  return enqueue(blobId, chunkIndex, (handle) => {
    const written = handle.write(data, { at: chunkIndex * CHUNK_BYTES });
    // Less than asked for; in Chromium's private windows an error number, as if it were 4 GB.
    if (written !== data.length) throw new DOMException('the device is full', 'QuotaExceededError');
  });
}

async function read(blobId: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!queues.has(blobId)) {
    try {
      const file = await (await (await folder).getFileHandle(blobId)).getFile();
      return new Uint8Array(await file.slice(start, end).arrayBuffer());
    } catch (error) {
      // The snapshot is void when another tab or job writes meanwhile: then the file is read in its turn.
      if (!(error instanceof DOMException) || error.name !== 'NotReadableError') throw error;
    }
  }
  const out = new Uint8Array(end - start);
  await enqueue(blobId, null, (handle) => void handle.read(out, { at: start }));
  return out;
}

async function remove(blobId: string): Promise<void> {
  await alone(blobId, async () => {
    await (await catalogue).delete(blobId);
    await (await folder).removeEntry(blobId).catch((error: unknown) => {
      if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
    });
  });
}

async function answer(request: StoreRequest): Promise<StoreResults[StoreRequest['type']]> {
  switch (request.type) {
    case 'all':
      // Private windows of some browsers have the database and not the files: then there is nothing to keep songs in.
      await folder;
      return (await catalogue).all();
    case 'put':
      return (await catalogue).put(request.meta);
    case 'write':
      return void (await write(request.blobId, request.chunkIndex, request.data));
    case 'read':
      return read(request.blobId, request.start, request.end);
    case 'blob': {
      const meta = await (await catalogue).get(request.blobId);
      const file = await (await (await folder).getFileHandle(request.blobId)).getFile();
      return file.slice(0, meta?.bytes ?? file.size, meta?.mime ?? '');
    }
    case 'delete':
      return void (await remove(request.blobId));
  }
}

self.addEventListener('message', ({ data }: MessageEvent<StoreRequest>) => {
  const post = (response: StoreResponse, transfer: Transferable[] = []) =>
    self.postMessage(response, transfer);
  answer(data).then(
    (result) => post({ id: data.id, ok: true, result }, result instanceof Uint8Array ? [result.buffer] : []),
    (error: unknown) => {
      const noSpace = error instanceof DOMException && error.name === 'QuotaExceededError';
      post({ id: data.id, ok: false, noSpace, message: String(error) });
    },
  );
});
