/** The kernel's flows with names instead of cgroup ids. */
import { existsSync } from 'node:fs';
import type { Flow, FlowQueue } from '../api/types.ts';
import { cgroupId } from '../bpf/cgroup.ts';
import type { Workload } from '../config/model.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { FlowRecord } from '../dataplane/flows.ts';
import type { QueueRecord } from '../dataplane/queues.ts';
import { type Instance, workloadCgroup } from '../instance.ts';
import { mostlyBecause, named, OUTCOME_NAMES, shareOf } from '../telemetry/outcomes.ts';
import { meanDelayMs } from '../telemetry/queue-sums.ts';

const NS_PER_MS = 1_000_000n;

/** Sorted by sender, receiver and age, so that two calls can be compared by eye. */
export function flowsOf(
  instance: Instance,
  dataplane: Dataplane,
  workloads: readonly Workload[],
  queues: ReadonlyMap<bigint, QueueRecord>,
): Flow[] {
  const names = cgroupNames(instance, workloads);
  const nowNs = process.hrtime.bigint();
  return dataplane
    .readFlows()
    .map((flow): Flow => {
      const all = flow.bytes.reduce((sum, bytes) => sum + bytes, 0);
      const because = mostlyBecause(flow.bytes);
      return {
        cookie: String(flow.cookie),
        from: names.get(flow.cgroupId) ?? '?',
        to: names.get(flow.peerCgroupId ?? 0n) ?? '?',
        local: flow.local,
        remote: flow.remote,
        linked: flow.peer !== undefined,
        ageMs: Number((nowNs - flow.promotedNs) / NS_PER_MS),
        messages: named(flow.messages),
        bytes: named(flow.bytes),
        share: all === 0 ? null : shareOf(flow.bytes).redirectedBytes / all,
        ...(because === undefined ? {} : { mostlyBecause: because }),
        queue: queueOf(flow, queues.get(flow.cookie)),
      };
    })
    .sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to) || b.ageMs - a.ageMs);
}

function queueOf(flow: FlowRecord, queue: QueueRecord | undefined): FlowQueue {
  const peakBytes = Math.max(flow.queuedPeakBytes, queue?.queuedBytes ?? 0);
  const delayMs = queue && meanDelayMs(queue);
  return {
    ...(queue === undefined ? {} : { bytes: queue.queuedBytes }),
    peakBytes,
    ...(delayMs === undefined ? {} : { delayMs }),
  };
}

/** Cgroup id -> key of the workload, or `envoy`. Those whose cgroup is gone, because they are being removed, are left out. */
export function cgroupNames(instance: Instance, workloads: readonly Workload[]): Map<bigint, string> {
  const named = workloads.map(({ key }) => [workloadCgroup(instance, key), key] as const);
  return new Map(
    [[instance.envoyCgroup, 'envoy'] as const, ...named].flatMap(([path, name]): [bigint, string][] =>
      existsSync(path) ? [[cgroupId(path), name]] : [],
    ),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** For `status`: messages and bytes by outcome, from the counters. */
export function outcomesOf(counters: Readonly<Record<string, bigint>>): { messages: number[]; bytes: number[] } {
  return {
    messages: OUTCOME_NAMES.map((name) => Number(counters[`messages-${name}`] ?? 0n)),
    bytes: OUTCOME_NAMES.map((name) => Number(counters[`bytes-${name}`] ?? 0n)),
  };
}
