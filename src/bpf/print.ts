/**
 * What libbpf says. By default it writes to stderr; here its warnings are kept while a call runs, so that they end up in
 * the error of that call and nowhere else.
 */
import { libbpf, libc, printCallback } from './ffi.ts';

/** A verifier log that libbpf fetched is one message of up to 16 MiB. Pages that are never written cost nothing. */
const MESSAGE_BYTES = 17 << 20;
const LEVEL_WARN = 0;

let message: Buffer | undefined;
let lines: string[] | undefined;
let installed = false;

function onPrint(level: number, format: bigint, args: bigint): number {
  // An exception here would surface in an unrelated later call.
  try {
    if (lines === undefined || level > LEVEL_WARN) return 0;
    message ??= Buffer.allocUnsafeSlow(MESSAGE_BYTES);
    const length = libc().vsnprintf(message, message.length, format, args);
    lines.push(message.toString('utf8', 0, Math.min(Math.max(length, 0), message.length - 1)).trimEnd());
  } catch {
    return 0;
  }
  return 0;
}

/** Silences libbpf. Called before the first call of any kind that may print. */
export function silence(): void {
  if (installed) return;
  installed = true;
  libbpf().setPrint(printCallback(onPrint));
}

/** Runs `call`; returns its result and libbpf's warnings meanwhile, without the prefix `libbpf: `. Not reentrant. */
export function heard<T>(call: () => T): { result: T; warnings: string[] } {
  silence();
  const warnings: string[] = [];
  lines = warnings;
  try {
    return { result: call(), warnings };
  } finally {
    lines = undefined;
    for (const [i, line] of warnings.entries()) warnings[i] = line.replace(/^libbpf: /, '');
  }
}
