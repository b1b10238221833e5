/** From what libbpf and the verifier wrote to the lines that a person needs. Pure. */

/** The whole log, as the `cause` of an E_BPF_LOAD. */
export class VerifierLog extends Error {
  override readonly name = 'VerifierLog';
  /** The program that was refused; undefined when none was (a map, BTF). */
  readonly program: string | undefined;
  /** Everything that the verifier and libbpf wrote. */
  readonly log: string;

  constructor(program: string | undefined, log: string) {
    super(log);
    this.program = program;
    this.log = log;
  }
}

const LOAD_LOG = /^prog '([^']+)': -- BEGIN PROG LOAD LOG --\n([\s\S]*?)(?:-- END PROG LOAD LOG --)?$/;
/** Statistics and notes that follow the reason. */
const NOISE =
  /^(processed \d+ insns|verification time|stack depth|peak_states|max_states|mark_read|arg#\d+ reference type|$)/;

/** From 7.x on it explains itself after the reason, on many lines. */
const EXPLANATION = /^Verification failed: /;

/** @param warnings What libbpf printed during the load. */
export function verifierLog(warnings: readonly string[]): VerifierLog {
  for (const warning of warnings) {
    const match = LOAD_LOG.exec(warning);
    if (match !== null) return new VerifierLog(match[1], match[2] ?? '');
  }
  return new VerifierLog(undefined, warnings.join('\n'));
}

/**
 * One line: the reason, the line of C, the instruction. `R0 invalid mem access 'map_value_or_null' at "return *v & 1;"
 * (6: (79) r0 = *(u64 *)(r0 +0))`. For a log of libbpf's own: its first line, which names the cause; the rest follows from it.
 */
export function relevantLines(log: VerifierLog): string {
  const all = log.log.split('\n').map((line) => line.trim());
  const end = all.findIndex((line) => EXPLANATION.test(line));
  const lines = end < 0 ? all : all.slice(0, end);
  if (log.program === undefined) return lines.find((line) => line !== '') ?? '';
  const kept = lines.filter((line) => !NOISE.test(line));
  const reason = kept.at(-1) ?? 'no reason given';
  const source = kept
    .findLast((line) => line.startsWith(';'))
    ?.slice(1)
    .trim();
  const instruction = kept.findLast((line) => /^\d+: \([0-9a-f]{2}\)/.test(line));
  const at = source === undefined ? '' : ` at "${source}"`;
  const code = instruction === undefined || instruction === reason ? '' : ` (${instruction.replace(/\s*;.*$/, '')})`;
  return `${reason}${at}${code}`;
}
