import { Counter, GrpcStatus, Pairs, RequestMatch } from "proxy-wasm-sdk/assembly";

/** What percentages are counted in: 1,000,000 is always. */
export const ALWAYS: u32 = 1_000_000;

/** Which faults are injected into which requests. */
export class Rule {
  /** null: into every request. */
  match: RequestMatch | null = null;
  /** Out of ALWAYS. */
  delayChance: u32 = 0;
  delayMs: u32 = 0;
  /** Out of ALWAYS. */
  abortChance: u32 = 0;
  abortStatus: i32 = 0;
  abortGrpcStatus: GrpcStatus = GrpcStatus.Unset;
  delayed: Counter | null = null;
  aborted: Counter | null = null;

  constructor(readonly name: string) {}

  isFor(headers: Pairs): bool {
    const match = this.match;
    return match === null || match.matches(headers);
  }
}
