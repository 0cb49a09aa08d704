/** The gallery is built once for all files that look at it. */
import type { TestProject } from 'vitest/node';
import { serveGallery } from './serve.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    galleryUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const gallery = await serveGallery();
  project.provide('galleryUrl', gallery.url);
  return () => gallery.close();
}
