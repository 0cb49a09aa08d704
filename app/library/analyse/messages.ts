/** What crosses the border of the import worker. Errors are data; one id a request. */
import type { ImportFailure } from '../library.ts';
import type { Analysis } from './analysis.ts';

export type AnalyseRequest = { type: 'analyse'; id: number; file: File } | { type: 'cancel'; id: number };

export type AnalyseResponse =
  | { type: 'progress'; id: number; doneBytes: number }
  | { type: 'done'; id: number; analysis: Analysis }
  | { type: 'failed'; id: number; reason: ImportFailure; message: string }
  | { type: 'cancelled'; id: number };
