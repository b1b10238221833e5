/** Counts what came of the requests. `denied` is only what the policy denied: a 403 of anybody else is an error. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { PlannedRequest } from './requests.ts';

/** Body of every answer that the policy denies. */
export const DENIED_BODY = 'RBAC: access denied';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export type Verdict = 'allowed' | 'denied' | 'wronglyAllowed' | 'wronglyDenied' | 'error';

/**
 * What an answer says about the policy. An answer that is not the policy's comes from behind it, unless something on the way
 * failed (5xx). A wrong body of an allowed request is an error, whatever its status.
 */
export function judge(request: PlannedRequest, answer: Answer): Verdict {
  const isDenied = answer.status === 403 && answer.body === DENIED_BODY;
  if (request.expect === 'deny') {
    if (isDenied) return 'denied';
    return answer.status < 500 ? 'wronglyAllowed' : 'error';
  }
  if (isDenied) return 'wronglyDenied';
  return answer.status === 200 && answer.body === request.body ? 'allowed' : 'error';
}

export interface Counts {
  requests: number;
  allowed: number;
  denied: number;
  /** Requests that the policy must deny, among `requests`. */
  expectedDenied: number;
  wronglyAllowed: number;
  wronglyDenied: number;
  errors: number;
  /** Bodies, both ways. */
  bytes: number;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export class Tally {
  readonly counts: Counts = {
    requests: 0,
    allowed: 0,
    denied: 0,
    expectedDenied: 0,
    wronglyAllowed: 0,
    wronglyDenied: 0,
    errors: 0,
    bytes: 0,
  };
  /** The newest error, for whoever looks why. */
  lastError: string | undefined;
  readonly #all = createHistogram();
  readonly #interval = createHistogram();

  answered(request: PlannedRequest, answer: Answer, tookMs: number): void {
    const verdict = this.#count(request, judge(request, answer));
    if (verdict !== 'allowed' && verdict !== 'denied') {
      this.lastError = `${describe(request)}: ${verdict}, ${answer.status} ${answer.body.slice(0, 60)}`;
    }
    this.counts.bytes += Buffer.byteLength(answer.body);
    const micros = Math.max(1, Math.round(tookMs * 1000));
    this.#all.record(micros);
    this.#interval.record(micros);
  }

  failed(request: PlannedRequest, error: Error): void {
    this.#count(request, 'error');
    this.lastError = `${describe(request)}: ${error.message}`;
  }

  /** Since the start. */
  latency(): Latency {
    return latencyOf(this.#all);
  }

  /** Since this was last asked. */
  takeInterval(): Latency & { readonly requests: number } {
    const taken = { requests: this.#interval.count, ...latencyOf(this.#interval) };
    this.#interval.reset();
    return taken;
  }

  #count(request: PlannedRequest, verdict: Verdict): Verdict {
    this.counts.requests += 1;
    if (request.expect === 'deny') this.counts.expectedDenied += 1;
    this.counts[verdict === 'error' ? 'errors' : verdict] += 1;
    return verdict;
  }
}

function describe({ method, target, path }: PlannedRequest): string {
  return `${method} ${target}${path}`;
}

function latencyOf(histogram: RecordableHistogram): Latency {
  if (histogram.count === 0) return { p50Ms: 0, p99Ms: 0 };
  return { p50Ms: histogram.percentile(50) / 1000, p99Ms: histogram.percentile(99) / 1000 };
}
