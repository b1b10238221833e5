/**
 * Every error that shunt raises on purpose. One class, one table of codes: `docs/errors.md` is generated from the table
 * and a test holds them equal, so that a code in a log can always be looked up.
 */
export const ERROR_CODES = {
  E_USAGE: 'The command line was wrong. Run the command with --help.',
  E_CONFIG: 'A resource is invalid. Nothing was applied. Each line names file:line:column and what was expected.',
  E_NEEDS: 'The machine lacks something that shunt needs. The message names it and how to get it.',
  E_BPF_OPEN: 'A BPF object could not be opened or does not have the expected layout. Run scripts/build.',
  E_BPF_LOAD: 'The kernel refused a BPF program. The message carries the lines of the verifier that matter.',
  E_BPF_MAP: 'An operation on a BPF map failed.',
  E_BPF_ATTACH: 'A BPF program could not be attached, detached or replaced.',
  E_BPF_PIN: 'A BPF object could not be pinned or opened from its pin.',
  E_SYSCALL: 'A system call failed.',
  E_ABI: 'What is pinned was written by another ABI version. Run `shunt down` first, then `shunt up`.',
  E_COMMAND: 'A program that shunt runs (ip, nsenter, envoy) failed. The message carries its last line.',
  E_PROXY:
    'Envoy did not start, did not become ready, or refused its configuration. The old configuration stays in force.',
  E_POLICY: 'A policy could not be applied. The old one stays in force.',
  E_WORKLOAD: 'A workload could not be started, stopped or found.',
  E_LOCKED: 'Another supervisor runs this instance.',
  E_NOT_RUNNING: 'No supervisor runs this instance. Start it with `shunt up`.',
  E_API: 'The supervisor refused a request or sent an answer that was not understood.',
  E_TIMEOUT: 'A condition was not met in time. The message names the condition.',
} as const;

/** A stable name of a kind of failure; scripts may match on it. */
export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  /** The positive errno of the failed call, where there is one. */
  errno?: number;
  /** The system call or library function that failed. */
  syscall?: string;
  cause?: unknown;
}

/** What shunt throws. `message` is one line: what failed, where, what was expected, what to do. */
export class ShuntError extends Error {
  override readonly name = 'ShuntError';
  readonly code: ErrorCode;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.errno = details.errno;
    this.syscall = details.syscall;
  }
}
