/** What happened between two answers of GET /v1/pairs. */
import type { PairQueue, PairSums, PairsAnswer, ProgramSums } from '../api/types.ts';

export interface Rates {
  readonly intervalMs: number;
  /** The busiest first; those without traffic only while they have promoted sockets. */
  readonly pairs: readonly PairRate[];
  /** The most expensive first; those that did not run are left out. */
  readonly programs: readonly ProgramRate[];
}

export interface PairRate {
  readonly from: string;
  /** `?`: not known, or no workload. */
  readonly to: string;
  readonly open: number;
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Redirected bytes / all bytes of the interval; null when nothing was sent. */
  readonly share: number | null;
  /** The outcome that most of the other bytes had; absent when all were redirected. */
  readonly mostlyBecause?: string;
  /** Waiting to be read, at the end of the interval. Absent: not known. */
  readonly queuedBytes?: number;
  /** Mean time that a byte waited to be read. Absent: not known, or nothing was redirected. */
  readonly delayMs?: number;
}

export interface ProgramRate {
  readonly name: string;
  readonly runsPerSecond: number;
  readonly nsPerRun: number;
  /** Of one CPU: 1 is all of it. */
  readonly cpuShare: number;
}

const NS_PER_MS = 1e6;
const MS_PER_S = 1000;

/** A pair that is new came into being in between: all of it counts. Sums of a new data plane, which begin at 0 again, too. */
export function ratesBetween(before: PairsAnswer, after: PairsAnswer): Rates {
  const intervalMs = Math.max(after.takenMs - before.takenMs, 1);
  const oldPairs = new Map(before.pairs.map((pair) => [nameOf(pair), pair]));
  const oldPrograms = new Map(before.programs.map((program) => [program.name, program]));
  return {
    intervalMs,
    pairs: after.pairs
      .map((pair) => pairRate(oldPairs.get(nameOf(pair)), pair, intervalMs))
      .filter(({ open, messagesPerSecond, bytesPerSecond }) => open + messagesPerSecond + bytesPerSecond > 0)
      .sort((a, b) => b.bytesPerSecond - a.bytesPerSecond),
    programs: after.programs
      .map((program) => programRate(oldPrograms.get(program.name), program, intervalMs))
      .filter(({ runsPerSecond }) => runsPerSecond > 0)
      .sort((a, b) => b.cpuShare - a.cpuShare),
  };
}

const nameOf = ({ from, to }: PairSums): string => JSON.stringify([from, to]);

function pairRate(before: PairSums | undefined, after: PairSums, intervalMs: number): PairRate {
  const bytes = differences(before?.bytes ?? {}, after.bytes);
  const messages = differences(before?.messages ?? {}, after.messages);
  const all = sum(bytes);
  const { redirected = 0, ...others } = bytes;
  const [because, most = 0] = Object.entries(others).sort(([, a], [, b]) => b - a)[0] ?? [];
  return {
    from: after.from,
    to: after.to ?? '?',
    open: after.open,
    messagesPerSecond: (sum(messages) / intervalMs) * 1000,
    bytesPerSecond: (all / intervalMs) * 1000,
    share: all === 0 ? null : redirected / all,
    ...(because === undefined || most === 0 ? {} : { mostlyBecause: because }),
    ...queueRate(before?.queue, after.queue),
  };
}

function queueRate(before: PairQueue | undefined, after: PairQueue | undefined): Partial<PairRate> {
  if (after === undefined) return {};
  const measuredBytes = grown(before?.measuredBytes ?? 0, after.measuredBytes);
  const byteSeconds = grown(before?.byteSeconds ?? 0, after.byteSeconds);
  return {
    queuedBytes: after.bytes,
    ...(measuredBytes === 0 ? {} : { delayMs: (byteSeconds / measuredBytes) * MS_PER_S }),
  };
}

function programRate(before: ProgramSums | undefined, after: ProgramSums, intervalMs: number): ProgramRate {
  const runs = grown(before?.runs ?? 0, after.runs);
  const runTimeNs = grown(before?.runTimeNs ?? 0, after.runTimeNs);
  return {
    name: after.name,
    runsPerSecond: (runs / intervalMs) * 1000,
    nsPerRun: runs === 0 ? 0 : runTimeNs / runs,
    cpuShare: runTimeNs / (intervalMs * NS_PER_MS),
  };
}

type Counts = Readonly<Record<string, number>>;

function differences(before: Counts, after: Counts): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, grown(before[name] ?? 0, count)]));
}

/** A sum that is smaller than before began at 0 in between. */
const grown = (before: number, after: number): number => (after < before ? after : after - before);

const sum = (counts: Counts): number => Object.values(counts).reduce((a, b) => a + b, 0);
