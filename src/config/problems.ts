import { ShuntError } from '../errors.ts';

/** One thing that is wrong with the resources, and where. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
  readonly what: string;
  readonly expected: string;
}

/** A place in the tree of a document: names of fields and indices of lists. */
export type Path = readonly (string | number)[];

/** Lines of the message; a file of 50,000 mistakes must not fill a terminal. All are in `problems`. */
const SHOWN = 100;

/** What is wrong with the resources, all at once: E_CONFIG, one line a problem, nothing was applied. */
export class ConfigError extends ShuntError {
  /** At least one, sorted by file, line and column. */
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = [...problems].sort(byPlace);
    const lines = sorted.slice(0, SHOWN).map(formatProblem);
    if (sorted.length > SHOWN) lines.push(`… and ${sorted.length - SHOWN} more`);
    super('E_CONFIG', lines.join('\n'));
    this.problems = sorted;
  }
}

/** Longest `what` and `expected` of a line: both may quote what a file says. */
const MAX_TEXT = 240;

/** Controls that JSON does not escape, and characters that turn the direction of a line: not for a terminal. */
const UNPRINTABLE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** `file:line:column: what; expected …`, the form that editors and CI systems make a link of. One line, printable. */
export function formatProblem({ file, line, column, what, expected }: Problem): string {
  return `${file}:${line}:${column}: ${printable(what)}; expected ${printable(expected)}`;
}

function printable(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
  return short.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** `spec.rules[0].from`; the whole resource for an empty path. Names that are no identifiers are quoted. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${shown(step)}]`;
  }
  return text === '' ? 'the resource' : text;
}

/** A value from a file as it may stand in a message: quoted, without control characters, cut at 60 characters. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value !== null && typeof value === 'object') return 'a map';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
