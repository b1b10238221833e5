/** What a case of native/semantics is to be, and what of it may differ. */
import type { Capability } from '../../support/capabilities.ts';

/** How the bytes of a case go when both ends are members. */
export type Way =
  /** The connection is promoted, and messages are redirected while the case runs. */
  | 'redirected'
  /** The connection is promoted; while the case runs nothing is redirected, for a reason that is part of the case. */
  | 'promoted'
  /** The connection is never promoted. */
  | 'refused';

/** Who can meet a difference, the ones first who matter most. */
export type Met =
  /** By a program that does nothing wrong, and that may do the wrong thing next. */
  | 'by programs'
  /** By a program that looks; what it does next is right in both cases. */
  | 'without harm'
  /** By a program that makes a mistake, or by a test. */
  | 'by mistakes and tests';

export interface Difference {
  readonly met: Met;
  /** Label of what was seen -> over TCP, promoted. `-`: was not seen. */
  readonly seen: Readonly<Record<string, readonly [tcp: string, promoted: string]>>;
  /** Why it is so, and whom it concerns. */
  readonly why: string;
  /** Only where the kernel has this, or lacks it. Default: everywhere. */
  readonly where?: { readonly has: Capability } | { readonly lacks: Capability };
  /** Some of these kernels have a later fix, which shows in nothing that they could be asked for: no difference there. */
  readonly mended?: true;
}

export interface SemanticCase {
  readonly name: string;
  readonly what: string;
  /** Default: redirected. */
  readonly way?: Way;
  /** It takes seconds: over one route only. */
  readonly once?: true;
  /** One that has to be asked for must be known to the kernel. */
  readonly needs?: Capability;
  readonly differs?: Difference;
}

export interface Part {
  readonly title: string;
  readonly cases: readonly SemanticCase[];
}
