/** How fast a bucket fills and how much it holds. All times in nanoseconds. */
export class Limit {
  /** From one token to the next, rounded up: never more than the rate. */
  readonly intervalNs: u64;

  /** `fits` says first whether the numbers can be worked with. */
  constructor(requests: u64, perSeconds: u64, readonly burst: u64) {
    this.intervalNs = (perSeconds * SECOND_NS + requests - 1) / requests;
  }

  /** From empty to full. */
  get fillNs(): u64 {
    return this.intervalNs * this.burst;
  }
}

export const SECOND_NS: u64 = 1_000_000_000;
/** No bucket takes longer to fill; what lies further ahead was written before the clock was set back. */
export const LONGEST_FILL_NS: u64 = 31 * 86_400 * SECOND_NS;

/**
 * What a bucket's one number says, at `nowNs`. The number is the time at which the bucket will be full (a token bucket as
 * in GCRA): full in the past is full now, so a bucket that nobody uses is the same as one that is not there.
 */
export class Draw {
  admitted: bool = false;
  /** The bucket's number must be written. */
  changed: bool = false;
  /** The bucket's number afterwards. */
  fullAtNs: u64 = 0;
  /** Tokens that are left. */
  remaining: u64 = 0;
  /** Until the bucket is full. */
  missingNs: u64 = 0;
  /** Until there is a token: 0 where one was taken. */
  waitNs: u64 = 0;

  /** Takes a token where there is one. */
  take(limit: Limit, fullAtNs: u64, nowNs: u64): void {
    const fill = limit.fillNs;
    // further ahead only when the clock was set back: then as if the bucket had just been emptied
    const missing = fullAtNs <= nowNs ? 0 : min(fullAtNs - nowNs, fill);
    this.admitted = missing + limit.intervalNs <= fill;
    this.changed = this.admitted || nowNs + missing < fullAtNs;
    const after = this.admitted ? missing + limit.intervalNs : missing;
    this.fullAtNs = nowNs + after;
    this.missingNs = after;
    this.remaining = (fill - after) / limit.intervalNs;
    this.waitNs = this.admitted ? 0 : missing + limit.intervalNs - fill;
  }
}
