/** What `shunt status` says. */
import type { FastPathStatus, Status } from '../api/types.ts';
import type { Topology } from '../config/topology.ts';
import { memoryOf } from '../telemetry/memory.ts';
import { named, shareOf } from '../telemetry/outcomes.ts';
import { cgroupNames, outcomesOf } from './flows.ts';
import type { Parts } from './reconcile.ts';
import type { AppliedState } from './state.ts';

export function statusOf(
  startedAt: Date,
  parts: Parts,
  applied: AppliedState | undefined,
  lastError: string | undefined,
): Status {
  const { instance, envoy, runner, dataplane } = parts;
  const model = applied?.topology.model;
  const workloads = (model?.workloads ?? []).map((workload) => ({ workload, ...runner.state(workload.key) }));
  const counters = dataplane.opened?.readCounters() ?? {};
  const pid = envoy.pid;
  const obstacle = dataplane.fastPathObstacle;
  const isArmed = obstacle === undefined && (model?.mesh.fastPath.enabled ?? true);
  const problems = [
    ...(lastError === undefined ? [] : [lastError]),
    ...(obstacle === undefined ? [] : [obstacle]),
    ...(applied !== undefined && envoy.state !== 'ready' ? [`Envoy is ${envoy.state}`] : []),
    ...workloads.flatMap(({ workload, state }) =>
      workload.run?.restart === 'always' && state !== 'running' ? [`workload ${workload.key} is ${state}`] : [],
    ),
  ];
  return {
    instance: instance.name,
    supervisor: { pid: process.pid, startedAt: startedAt.toISOString(), memory: memoryOf([process.pid]) },
    envoy: {
      state: envoy.state,
      restarts: envoy.restarts,
      ...(pid === undefined ? {} : { pid, memory: memoryOf([pid]) }),
    },
    workloads: { total: workloads.length, running: workloads.filter(({ state }) => state === 'running').length },
    services: model?.services.length ?? 0,
    policies: model?.policies.length ?? 0,
    fastPath: {
      ...fastPathOf(dataplane.opened?.isPaused() ?? false, counters, isArmed),
      pausedWorkloads: applied === undefined ? [] : pausedWorkloads(parts, applied.topology),
      learned: parts.learned.facts,
    },
    counters: Object.fromEntries(Object.entries(counters).map(([name, count]) => [name, Number(count)])),
    problems,
  };
}

/** Those that are paused of themselves, by key, sorted. */
export function pausedWorkloads({ instance, dataplane }: Parts, { model }: Topology): string[] {
  const members = dataplane.opened?.readMembers();
  if (members === undefined || members.size === 0) return [];
  return [...cgroupNames(instance, model.workloads)]
    .flatMap(([id, name]) => (members.get(id)?.paused ? [name] : []))
    .sort();
}

function fastPathOf(
  paused: boolean,
  counters: Readonly<Record<string, bigint>>,
  enabled: boolean,
): Omit<FastPathStatus, 'pausedWorkloads' | 'learned'> {
  const { messages, bytes } = outcomesOf(counters);
  return {
    state: !enabled ? 'off' : paused ? 'paused' : 'on',
    messages: named(messages),
    bytes: named(bytes),
    becameBlocking: Number(counters['became-blocking'] ?? 0n),
    ...shareOf(bytes),
  };
}
