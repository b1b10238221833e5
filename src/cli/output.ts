/** The one place that prints. Tables for people, JSON with `-o json`; errors go to standard error, one line each. */
import Table from 'cli-table3';
import { ShuntError } from '../errors.ts';

/** 0 ok, 1 failed, 2 usage, 3 partly applied. */
export const EXIT = { ok: 0, failed: 1, usage: 2, partly: 3 } as const;

export type OutputFormat = 'table' | 'json';

/** Writes a line to standard output. A closed pipe (`shunt flows | head`) ends the program quietly. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Progress and errors: standard error, so that `-o json` stays parseable. */
export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints `value` as JSON, or what `lines` makes of it. */
export function show<T>(format: OutputFormat, value: T, lines: (value: T) => string): void {
  print(format === 'json' ? JSON.stringify(value, undefined, 2) : lines(value));
}

/** A borderless table with a header, as kubectl prints them; empty cells are a dash. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  const bare = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  };
  const drawn = new Table({
    head: head.map((name) => name.toUpperCase()),
    chars: bare,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) drawn.push(row.map((cell) => (cell === undefined || cell === '' ? '-' : String(cell))));
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** 1536 -> `1.5 KiB`. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** 0.9312 -> `93.1 %`; `-` for null. */
export function percent(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(1)} %`;
}

/** 0.0123 -> `12 us`, 12.3 -> `12 ms`, 1234 -> `1.2 s`. */
export function shortTime(durationMs: number): string {
  if (durationMs >= 1000) return `${(durationMs / 1000).toFixed(1)} s`;
  return durationMs >= 1 ? `${Math.round(durationMs)} ms` : `${Math.round(durationMs * 1000)} us`;
}

/** 90_000 -> `1 min 30 s`; the two largest units that say something. */
export function duration(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1000));
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  const said = first < 0 ? units.slice(-1) : units.slice(first, first + 2).filter(([count]) => count > 0);
  return said.map(([count, unit]) => `${count} ${unit}`).join(' ');
}

/** Prints the error and returns the exit code that stands for it. */
export function fail(error: unknown, format: OutputFormat): number {
  const known =
    error instanceof ShuntError ? error : new ShuntError('E_API', `internal error: ${String(error)}`, { cause: error });
  if (format === 'json') printError(JSON.stringify({ code: known.code, message: known.message }));
  else printError(`shunt: ${known.code}: ${known.message}`);
  if (!(error instanceof ShuntError) && error instanceof Error) printError(error.stack ?? '');
  return known.code === 'E_USAGE' ? EXIT.usage : EXIT.failed;
}
