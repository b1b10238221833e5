/** Reads what the load generator reports. */
import { readFileSync } from 'node:fs';
import type { LoadReport } from '../load/report.ts';

/** The newest complete line; undefined while there is none. */
export function latestReport(file: string): LoadReport | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const line = text.slice(0, text.lastIndexOf('\n')).split('\n').at(-1);
  return line === undefined || line === '' ? undefined : (JSON.parse(line) as LoadReport);
}
