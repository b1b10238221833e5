/** What a guest hands back while it runs, a line of JSON each time that something began or ended. Pure. */
import type { Diagnosis, FileResult } from './result.ts';

export type Line =
  | { readonly began: string }
  | { readonly ended: FileResult }
  /** Of no test; `file` where it is known. */
  | { readonly error: string; readonly file?: string }
  | { readonly doctor: Diagnosis };

export interface Report {
  readonly files: readonly FileResult[];
  /** Files that began and did not end: the guest stopped, or was stopped, meanwhile. */
  readonly unfinished: readonly string[];
  /** Errors that no test file can be blamed for. */
  readonly errors: readonly string[];
  readonly doctor?: Diagnosis;
}

/** @param text as far as it came: a last line that was cut off counts as not written. */
export function reportOf(text: string): Report {
  const lines = text.split('\n').flatMap(lineOf);
  const files = new Map<string, FileResult>();
  const began = new Set<string>();
  const errors: string[] = [];
  let doctor: Diagnosis | undefined;
  for (const line of lines) {
    if ('began' in line) began.add(line.began);
    else if ('ended' in line) files.set(line.ended.file, line.ended);
    else if ('doctor' in line) doctor = kept(line.doctor);
    else blame(line.error, line.file, files, errors);
  }
  const unfinished = [...began].filter((file) => !files.has(file));
  return { files: [...files.values()], unfinished, errors, ...(doctor === undefined ? {} : { doctor }) };
}

/** A file whose tests all passed while something else threw has not passed. */
function blame(error: string, file: string | undefined, files: Map<string, FileResult>, errors: string[]): void {
  const result = file === undefined ? undefined : files.get(file);
  if (result === undefined) errors.push(error);
  else
    files.set(result.file, { ...result, failed: [...result.failed, { test: 'outside of any test', reason: error }] });
}

function lineOf(text: string): Line[] {
  if (text.trim() === '') return [];
  try {
    return [JSON.parse(text) as Line];
  } catch {
    return [];
  }
}

function kept({ tookMs, findings }: Diagnosis): Diagnosis {
  return {
    tookMs,
    findings: findings.map(({ id, verdict, found, expected }) => ({ id, verdict, found, expected })),
  };
}

/** For the tables: of a text of several lines the first. */
export function firstLine(text: string | undefined): string {
  return text?.trim().split('\n')[0] || 'no reason given';
}

/** What a file that did not end is kept as. */
export function neverEnded(file: string, why: string, seconds: number): FileResult {
  return { file, passed: [], failed: [{ test: 'the whole file', reason: firstLine(why) }], skipped: [], seconds };
}
