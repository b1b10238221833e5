/** Records of the kernel as tests need them: only what matters is given. */
import type { FlowRecord } from '../../../src/dataplane/flows.ts';
import type { PairRecord } from '../../../src/dataplane/pairs.ts';
import { Outcome } from '../../../src/generated/abi.ts';

type Counts = Partial<Record<Exclude<keyof typeof Outcome, 'COUNT'>, number>>;

export function counts(given: Counts): number[] {
  return Array.from({ length: Outcome.COUNT }, (_, outcome) => {
    const entry = Object.entries(Outcome).find(([, value]) => value === outcome);
    return given[entry?.[0] as keyof Counts] ?? 0;
  });
}

export function pair(cgroupId: bigint, peerCgroupId: bigint | undefined, bytes: Counts): PairRecord {
  return {
    cgroupId,
    peerCgroupId,
    messages: counts(bytes).map((count) => Math.ceil(count / 10)),
    bytes: counts(bytes),
  };
}

export function flow(cgroupId: bigint, peerCgroupId: bigint | undefined, bytes: Counts): FlowRecord {
  return {
    ...pair(cgroupId, peerCgroupId, bytes),
    cookie: 1n,
    local: '10.0.0.1:1',
    remote: '10.0.0.2:2',
    peer: undefined,
    promotedNs: 0n,
    queuedPeakBytes: 0,
  };
}
