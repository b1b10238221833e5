/** What the run came to, and whether all that this example claims held. */
import type { LoadReport } from '../load/report.ts';
import type { Measurement } from './measurement.ts';
import type { ShareMeter } from './share.ts';

export interface Claim {
  readonly claim: string;
  readonly held: boolean;
  /** What was seen instead, or as well. */
  readonly seen: string;
}

export interface Memory {
  readonly envoyPssBytes: number;
  readonly supervisorPssBytes: number;
}

/** `-o json`. Additive changes only. */
export interface ShopSummary {
  readonly ok: boolean;
  readonly instance: string;
  /** Since the Services answered. */
  readonly seconds: number;
  readonly requests: number;
  readonly allowed: number;
  readonly denied: number;
  readonly expectedDenied: number;
  readonly wronglyAllowed: number;
  readonly wronglyDenied: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly uploads: LoadReport['uploads'];
  readonly deniedConnections: LoadReport['intruder'];
  /** Without the phases in which it was paused. */
  readonly fastPath: ReturnType<ShareMeter['total']>;
  readonly memory: Memory;
  /** Absent when the run was too short or was interrupted. */
  readonly measurement?: Measurement;
  /** What is left on the machine; empty is right. */
  readonly leftovers: readonly string[];
  readonly claims: readonly Claim[];
  /** What stopped the run before its time; absent otherwise. */
  readonly error?: string;
}

export const LEAST_SHARE = 0.9;
/** Uploads of every size must have come back. */
export const LARGEST_UPLOAD_BYTES = 10_000_000;

export interface Observed {
  readonly instance: string;
  readonly report: LoadReport | undefined;
  readonly fastPath: ShopSummary['fastPath'];
  readonly memory: Memory;
  readonly measurement: Measurement | undefined;
  /** false when Ctrl-C ended it: then the sizes of uploads and the comparison may be incomplete. */
  readonly ranToTheEnd: boolean;
  readonly leftovers: readonly string[];
  readonly error?: string;
}

export function summaryOf(observed: Observed): ShopSummary {
  const { report, error } = observed;
  const claims = claimsOf(observed);
  const counts = report?.counts;
  return {
    ok: error === undefined && claims.every(({ held }) => held),
    instance: observed.instance,
    seconds: report?.seconds ?? 0,
    requests: counts?.requests ?? 0,
    allowed: counts?.allowed ?? 0,
    denied: counts?.denied ?? 0,
    expectedDenied: counts?.expectedDenied ?? 0,
    wronglyAllowed: counts?.wronglyAllowed ?? 0,
    wronglyDenied: counts?.wronglyDenied ?? 0,
    failed: counts?.errors ?? 0,
    p50Ms: report?.latency.p50Ms ?? 0,
    p99Ms: report?.latency.p99Ms ?? 0,
    uploads: report?.uploads ?? NO_UPLOADS,
    deniedConnections: report?.intruder ?? { attempts: 0, refused: 0, reached: 0, errors: 0 },
    fastPath: observed.fastPath,
    memory: observed.memory,
    ...(observed.measurement === undefined ? {} : { measurement: observed.measurement }),
    leftovers: observed.leftovers,
    claims,
    ...(error === undefined ? {} : { error }),
  };
}

const NO_UPLOADS: LoadReport['uploads'] = {
  done: 0,
  equal: 0,
  different: 0,
  timeouts: 0,
  failed: 0,
  bytes: 0,
  equalSizes: [],
};

function claimsOf({ report, fastPath, measurement, ranToTheEnd, leftovers }: Observed): Claim[] {
  const claims: Claim[] = [];
  const claim = (text: string, held: boolean, seen: unknown): void => {
    claims.push({ claim: text, held, seen: String(seen) });
  };
  claim('nothing of it is left on the machine', leftovers.length === 0, leftovers.join(', ') || 'nothing');
  if (report === undefined) {
    claim('the Services answered', false, 'no request was made');
    return claims;
  }
  const { counts, uploads, intruder } = report;
  const wrong = counts.wronglyAllowed + counts.wronglyDenied;
  claim('requests were allowed', counts.allowed > 0, counts.allowed);
  claim(
    'exactly what the policy denies was denied',
    counts.denied > 0 && counts.denied === counts.expectedDenied && wrong === 0,
    `${counts.denied} of ${counts.expectedDenied}, ${wrong} wrong verdicts`,
  );
  claim('no request failed', counts.errors === 0, report.lastError ?? counts.errors);
  claim(
    'a connection that policy denies is refused by the kernel',
    intruder.attempts > 0 && intruder.refused === intruder.attempts,
    `${intruder.refused} of ${intruder.attempts} with EPERM`,
  );
  claim(
    'uploads came back equal, none timed out',
    uploads.done > 0 && uploads.equal === uploads.done,
    `${uploads.equal} of ${uploads.done}, ${uploads.timeouts} timed out`,
  );
  if (ranToTheEnd) {
    const sizes = uploads.equalSizes;
    const all = sizes.includes(1) && sizes.includes(LARGEST_UPLOAD_BYTES);
    claim('uploads of 1 B to 10 MB were among them', all, `${sizes.length} sizes, up to ${Math.max(0, ...sizes)} B`);
    claim('the client was compared on and paused', measurement !== undefined, `${measurement?.rounds ?? 0} rounds`);
  }
  if (measurement !== undefined) claim('no measured request failed', measurement.failed === 0, measurement.failed);
  claim(
    `at least ${LEAST_SHARE * 100} % of the bytes towards safe readers took the fast path`,
    (fastPath.share ?? 0) >= LEAST_SHARE,
    fastPath.share === null ? 'no bytes' : `${(fastPath.share * 100).toFixed(1)} %`,
  );
  return claims;
}
