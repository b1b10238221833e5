/** The line that the load generator writes each second; what start.ts reads. All counts are since the start. */
import type { IntruderCounts } from './intruder.ts';
import type { Counts, Latency } from './tally.ts';
import type { UploadCounts } from './uploads.ts';

export interface LoadReport {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** false: the Services do not answer yet; nothing was counted. */
  readonly ready: boolean;
  readonly seconds: number;
  readonly counts: Counts;
  readonly latency: Latency;
  /** Of the last second. */
  readonly interval: Latency & { readonly requests: number };
  readonly uploads: UploadCounts;
  readonly intruder: IntruderCounts;
  /** The newest thing that went wrong; absent when nothing did. */
  readonly lastError?: string;
}
