/** What a probe is, and what it says. */
import type { Lab } from './lab.ts';

/** `cannot tell`: the probe did not come to its question; nothing is known. */
export type Verdict = 'supported' | 'unsupported' | 'cannot tell';

/**
 * What is not armed when a probe does not say `supported`. `promotion`: the fast path, unless another probe of `promotion`
 * says it: each asks for one way to promote. `nothing`: the programs themselves keep clear of it.
 */
export type Feature = 'fast-path' | 'promotion' | 'nothing';

export interface Probe {
  /** A stable name; scripts may match on it. */
  readonly id: string;
  readonly title: string;
  /** What {@link observe} finds on a kernel that behaves as shunt needs it. */
  readonly expected: string;
  /** What is true of the kernel when it was found, one line. */
  readonly means: string;
  /** What is not done when it was not found, one line. */
  readonly staysOff: string;
  /** The version or commit of Linux that explains what is found. */
  readonly kernel: string;
  readonly disables: Feature;
  /** Looks, and says what it saw in few words. @throws anything when it could not look: `cannot tell`. */
  observe(lab: Lab): Promise<string>;
}

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly expected: string;
  /** What was seen; of `cannot tell`: why nothing was. */
  readonly found: string;
  readonly means: string;
  readonly kernel: string;
  /** Empty when supported. */
  readonly staysOff: string;
  readonly disables: Feature;
}

export interface Report {
  /** As `uname -r` says. */
  readonly kernel: string;
  /** The kernel's boot id: its settings may be others at the next. */
  readonly boot: string;
  /** Hash of what was probed with: BPF objects and native programs of this build. */
  readonly build: string;
  readonly findings: readonly Finding[];
  readonly tookMs: number;
}

/** What keeps the fast path off. Empty: it may be armed. */
export function obstacles({ findings }: Report): readonly Finding[] {
  const ways = findings.filter(({ disables }) => disables === 'promotion');
  const open = ways.filter(({ verdict }) => verdict === 'cannot tell');
  const promotes = ways.length === 0 || ways.some(({ verdict }) => verdict === 'supported');
  const failed = findings.filter(({ disables, verdict }) => disables === 'fast-path' && verdict !== 'supported');
  return [...(promotes ? [] : open.length > 0 ? open : ways), ...failed];
}

/** One line why the fast path is not armed on this kernel; undefined: it may be. */
export function fastPathObstacle(report: Report): string | undefined {
  const failed = obstacles(report);
  const first = failed.find(({ verdict }) => verdict === 'unsupported') ?? failed[0];
  if (first === undefined) return undefined;
  const { id, verdict, found, expected } = first;
  return `fast path off: doctor: ${id} ${verdict}: ${found} (expected: ${expected}); see: shunt doctor`;
}

/** What the supervisor does with a report. */
export interface Advice {
  /** As {@link fastPathObstacle}. */
  readonly obstacle: string | undefined;
  /** Who is to promote; undefined: nobody may. */
  readonly promotion: 'tc' | 'iterator' | undefined;
}

/** Tc where it may: it promotes while nobody runs, and sooner. */
export function adviceOf(report: Report): Advice {
  const isSupported = (id: string): boolean =>
    report.findings.some((finding) => finding.id === id && finding.verdict === 'supported');
  const promotion = isSupported('tc-update') ? 'tc' : isSupported('iterator-update') ? 'iterator' : undefined;
  return { obstacle: fastPathObstacle(report), promotion };
}
