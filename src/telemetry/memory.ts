/** Memory of processes from /proc/PID/smaps_rollup (least kernel 4.14). */
import { readFileSync } from 'node:fs';

export interface Memory {
  /** Proportional set size: a page shared by n processes counts 1/n for each. */
  readonly pssBytes: number;
  /** Anonymous pages: what goes away when the process does. */
  readonly anonymousBytes: number;
}

const KIB = 1024;

/** The sum over the processes; one that ended meanwhile counts nothing. */
export function memoryOf(pids: readonly number[]): Memory {
  let pssBytes = 0;
  let anonymousBytes = 0;
  for (const pid of pids) {
    const text = readRollup(pid);
    pssBytes += field(text, 'Pss') * KIB;
    anonymousBytes += field(text, 'Anonymous') * KIB;
  }
  return { pssBytes, anonymousBytes };
}

function readRollup(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  } catch {
    return '';
  }
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
}
