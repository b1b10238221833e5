/** What the outcomes of messages mean for people: names, shares, and the reason for what went by TCP. */
import { Outcome } from '../generated/abi.ts';

/** Outcome -> name in every output, in the order of the ABI: `redirected`, `reader-edge`, … */
export const OUTCOME_NAMES: readonly string[] = Object.entries(Outcome)
  .filter(([name]) => name !== 'COUNT')
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => name.toLowerCase().replaceAll('_', '-'));

/** Outcome -> what it means, to follow "because". */
export const OUTCOME_MEANINGS: readonly string[] = [
  'it was redirected',
  'it was written before the promotion',
  'the fast path is paused, for all or for one of the two workloads',
  'the peer is not promoted (yet)',
  'the socket of the peer is gone',
  'the peer had not read all that came by TCP',
  'the queue of the peer was full enough, or the kernel short of memory for TCP',
  'the reader at the other end blocks',
  'the reader at the other end waits edge-triggered',
  'how the reader at the other end waits could not be seen',
  'the workload at the other end only sends (spec.fastPath)',
  'the kernel refused the redirect',
  'one end set an option after the promotion that redirects would break',
  'policy would refuse the connection by now',
  'firewalls must see a packet now and then',
  'its sender asked for what TCP alone does: MSG_MORE, TCP_CORK, MSG_OOB, or by a system call that is not known',
];

/** Outcomes that say the reader must not be redirected to; its bytes are not held against the fast path. */
const UNSAFE_READER: readonly number[] = [
  Outcome.READER_BLOCKING,
  Outcome.READER_EDGE,
  Outcome.READER_UNKNOWN,
  Outcome.READER_REFUSED,
  Outcome.OPTION,
  Outcome.POLICY,
];

/** Numbers by outcome, as the kernel counts them. */
export type ByOutcome = readonly number[];

export interface Share {
  readonly redirectedBytes: number;
  readonly safeReaderBytes: number;
  /** null when nothing was sent towards a safe reader. */
  readonly share: number | null;
}

/** The share of the fast path in the bytes towards safe readers; bytes sent before promotion count against it. */
export function shareOf(bytes: ByOutcome): Share {
  const redirectedBytes = bytes[Outcome.REDIRECTED] ?? 0;
  const safeReaderBytes = bytes.reduce(
    (sum, count, outcome) => (UNSAFE_READER.includes(outcome) ? sum : sum + count),
    0,
  );
  return { redirectedBytes, safeReaderBytes, share: safeReaderBytes === 0 ? null : redirectedBytes / safeReaderBytes };
}

/** The name of the outcome, other than the redirect, that most bytes had; undefined when all were redirected. */
export function mostlyBecause(bytes: ByOutcome): string | undefined {
  let most = 0;
  let name: string | undefined;
  bytes.forEach((count, outcome) => {
    if (outcome === Outcome.REDIRECTED || count <= most) return;
    most = count;
    name = OUTCOME_NAMES[outcome];
  });
  return name;
}

/** Keyed by name, for output. */
export function named(counts: ByOutcome): Record<string, number> {
  return Object.fromEntries(OUTCOME_NAMES.map((name, outcome) => [name, counts[outcome] ?? 0]));
}
