/** A real library on a real mesh in one page, and the store by itself. */
import * as Y from 'yjs';
import { createAnalyser } from '../../../app/library/analyse/client.ts';
import { type LoadedLibrary, createLibrary } from '../../../app/library/create.ts';
import type { ImportEvent, TrackRef } from '../../../app/library/library.ts';
import { createOpfsStore } from '../../../app/library/opfs.ts';
import type { BlobStore } from '../../../app/library/store.ts';
import { createBrowserMesh } from '../../../app/mesh/browser.ts';
import type { JoinOptions } from './peer.ts';

export interface Fetched {
  seconds: number;
  firstBytesMs: number;
  sha256: string;
}

declare global {
  interface Window {
    store: BlobStore;
    openStore(): void;
    blobOf(id: string): Promise<{ type: string; data: Uint8Array }>;
    library: LoadedLibrary;
    openLibrary(options: JoinOptions): Promise<void>;
    /** What was picked in the page's file input. */
    importPicked(): Promise<ImportEvent[]>;
    /** Waits until a holder is known, then reads the whole track. */
    fetchTrack(track: TrackRef): Promise<Fetched>;
    /** From asking for a track of which nothing is here to samples at the output, in ms. */
    firstSound(track: TrackRef): Promise<number>;
    /** The yardstick: the same bytes as a plain download. */
    download(url: string): Promise<{ seconds: number; bytes: number }>;
    artType(artId: string): Promise<{ width: number; height: number }>;
    holding(trackId: string): { heldBytes: number; complete: boolean; imported: boolean } | null;
  }
}

window.openStore = () => {
  window.store = createOpfsStore();
};

window.blobOf = async (id) => {
  const blob = await window.store.blob(id);
  return { type: blob.type, data: new Uint8Array(await blob.arrayBuffer()) };
};

window.openLibrary = async ({ origin, stunPort, selfId, roomId, signalingKey, uplinkKey, meshKey }) => {
  const keys = { roomId, signalingKey, uplinkKey, meshKey: Uint8Array.from(meshKey) };
  const transport = await createBrowserMesh({ doc: new Y.Doc(), keys, origin, stunPort, selfId });
  window.library = createLibrary({
    store: createOpfsStore(),
    locks: navigator.locks,
    transport,
    analyser: createAnalyser(),
    storage: navigator.storage,
  });
  await window.library.loaded;
};

window.importPicked = async () => {
  const picker = document.querySelector('input');
  const events: ImportEvent[] = [];
  const files = [...(picker?.files ?? [])];
  for await (const event of window.library.import(files, new AbortController().signal)) events.push(event);
  return events;
};

function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!holds()) return;
      off();
      resolve();
    };
    const off = window.library.onChange(check);
    check();
  });
}

window.fetchTrack = async (track) => {
  await until(() => window.library.holders(track.trackId) > 0);
  const startedAtMs = performance.now();
  const source = window.library.open(track);
  await source.read(0, Math.min(track.bytes, 65_536));
  const firstBytesMs = performance.now() - startedAtMs;
  const bytes = await source.read(0, track.bytes);
  const seconds = (performance.now() - startedAtMs) / 1000;
  source.close();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { seconds, firstBytesMs, sha256 };
};

window.firstSound = async (track) => {
  await until(() => window.library.holders(track.trackId) > 0);
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.connect(context.destination);
  const startedAtMs = performance.now();
  const source = window.library.open(track);
  const head = await source.read(0, Math.min(track.bytes, 262_144));
  const node = context.createBufferSource();
  node.buffer = await context.decodeAudioData(head.buffer);
  node.connect(analyser);
  node.start();
  const samples = new Float32Array(analyser.fftSize);
  await new Promise<void>((resolve) => {
    const look = () => {
      analyser.getFloatTimeDomainData(samples);
      if (samples.some((sample) => sample !== 0)) resolve();
      else setTimeout(look, 1);
    };
    look();
  });
  const elapsedMs = performance.now() - startedAtMs;
  source.close();
  await context.close();
  return elapsedMs;
};

window.download = async (url) => {
  const startedAtMs = performance.now();
  const bytes = await (await fetch(url, { cache: 'no-store' })).arrayBuffer();
  return { seconds: (performance.now() - startedAtMs) / 1000, bytes: bytes.byteLength };
};

window.artType = async (artId) => {
  await until(() => window.library.artUrl(artId) !== null);
  const image = new Image();
  image.src = window.library.artUrl(artId) ?? '';
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
};

window.holding = (trackId) => {
  const holding = window.library.holdings().get(trackId);
  return holding
    ? { heldBytes: holding.heldBytes, complete: holding.complete, imported: holding.imported }
    : null;
};
