/**
 * Prometheus metrics of one instance. Names and units by the conventions: `_total` for what only grows, base units
 * (seconds, bytes, ratios from 0 to 1). docs/telemetry.md lists them.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { ProgramCost } from '../dataplane/cost.ts';
import type { Memory } from './memory.ts';
import { OUTCOME_NAMES, shareOf } from './outcomes.ts';
import type { PairTotal } from './pairs.ts';
import type { QueueSum } from './queue-sums.ts';

/** All that is exported, as it is at one moment. */
export interface MetricsSnapshot {
  readonly startedAtMs: number;
  /** The kernel's, by name; they survive the supervisor. */
  readonly counters: Readonly<Record<string, bigint>>;
  readonly fastPath: 'on' | 'paused' | 'off';
  readonly pairs: readonly PairTotal[];
  /** By the key of a pair; empty where the kernel does not count (before 6.12). */
  readonly queues: ReadonlyMap<string, QueueSum>;
  /** By program. Grow only while somebody asks for them. */
  readonly programs: Readonly<Record<string, ProgramCost>>;
  readonly memory: Readonly<Record<'supervisor' | 'envoy', Memory>>;
  readonly envoy: { readonly ready: boolean; readonly restarts: number };
  readonly workloads: readonly {
    readonly key: string;
    readonly running: boolean;
    readonly restarts: number;
    readonly memory: Memory;
  }[];
  readonly problems: number;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const NS_PER_S = 1e9;

/** One registry for one answer: the values come from elsewhere, so nothing is kept between two. */
export function metricsOf(snapshot: MetricsSnapshot): Registry {
  const registry = new Registry();
  const counter = (name: string, help: string, samples: readonly Sample[]): void => {
    const metric = new Counter({ name, help, labelNames: labelNames(samples), registers: [registry] });
    for (const [labels, value] of samples) metric.inc(labels, value);
  };
  const gauge = (name: string, help: string, samples: readonly Sample[]): void => {
    const metric = new Gauge({ name, help, labelNames: labelNames(samples), registers: [registry] });
    for (const [labels, value] of samples) metric.set(labels, value);
  };
  kernelCounters(snapshot, counter);
  pairs(snapshot, counter, gauge);
  queues(snapshot, counter, gauge);
  processes(snapshot, counter, gauge);
  return registry;
}

type Define = (name: string, help: string, samples: readonly Sample[]) => void;

function kernelCounters({ counters }: MetricsSnapshot, counter: Define): void {
  const value = (name: string): number => Number(counters[name] ?? 0n);
  const group = (prefix: string, label: string): Sample[] =>
    Object.keys(counters)
      .filter((name) => name.startsWith(prefix))
      .map((name) => [{ [label]: name.slice(prefix.length) }, value(name)]);
  const fast = 'shunt_fast_path_';
  counter(
    `${fast}messages_total`,
    'Messages that promoted sockets sent, by what became of them',
    group('messages-', 'outcome'),
  );
  counter(`${fast}sent_bytes_total`, 'Bytes that promoted sockets sent, by outcome', group('bytes-', 'outcome'));
  counter(`${fast}promotions_total`, 'Sockets that were promoted', [[{}, value('promoted')]]);
  counter(`${fast}links_total`, 'Connections of which both ends were promoted and proven to be one', [
    [{}, value('linked')],
  ]);
  counter(`${fast}became_blocking_total`, 'Sockets whose O_NONBLOCK was cleared after promotion', [
    [{}, value('became-blocking')],
  ]);
  counter(`${fast}late_options_total`, 'Options set after promotion that redirects would break', [
    [{}, value('option-late')],
  ]);
  counter(`${fast}promoted_closes_total`, 'Promoted sockets that closed', [[{}, value('closed')]]);
  counter(
    `${fast}refusals_total`,
    'Looks at a socket that did not promote it; one socket may be looked at often',
    group('refused-', 'reason'),
  );
  counter('shunt_connects_total', 'Calls of connect(2) in workloads', group('connect-', 'result'));
  counter(
    'shunt_original_destination_lookups_total',
    'Questions of the proxy where a connection was meant to go',
    group('original-', 'result'),
  );
  counter('shunt_guard_dropped_packets_total', 'Packets to a guarded port that did not come through the proxy', [
    [{}, value('guard-dropped')],
  ]);
}

function pairs(snapshot: MetricsSnapshot, counter: Define, gauge: Define): void {
  const known = snapshot.pairs.filter((pair): pair is PairTotal & { to: string } => pair.to !== undefined);
  const labels = ({ from, to }: { from: string; to: string }): Labels => ({ source: from, destination: to });
  const byOutcome = (field: 'messages' | 'bytes'): Sample[] =>
    known.flatMap((pair) =>
      OUTCOME_NAMES.map((outcome, index): Sample => [{ ...labels(pair), outcome }, pair[field][index] ?? 0]).filter(
        ([, value]) => value > 0,
      ),
    );
  const what = 'that one workload sent to another on promoted connections, by outcome';
  counter('shunt_pair_messages_total', `Messages ${what}`, byOutcome('messages'));
  counter('shunt_pair_sent_bytes_total', `Bytes ${what}`, byOutcome('bytes'));
  gauge(
    'shunt_pair_promoted_sockets',
    'Promoted sockets of the source that are open now',
    known.map((pair) => [labels(pair), pair.open]),
  );
  gauge(
    'shunt_pair_fast_path_ratio',
    'Part of the bytes towards readers that may be redirected to which was redirected, since the data plane was created',
    known.flatMap((pair): Sample[] => {
      const { share } = shareOf(pair.bytes);
      return share === null ? [] : [[labels(pair), share]];
    }),
  );
}

function queues(snapshot: MetricsSnapshot, counter: Define, gauge: Define): void {
  const known = snapshot.pairs.filter((pair): pair is PairTotal & { to: string } => pair.to !== undefined);
  const of = (value: (queue: QueueSum) => number): Sample[] =>
    known.flatMap(({ key, from, to }): Sample[] => {
      const queue = snapshot.queues.get(key);
      return queue === undefined ? [] : [[{ source: from, destination: to }, value(queue)]];
    });
  gauge(
    'shunt_pair_queue_bytes',
    'Redirected bytes that wait to be read now',
    of(({ bytes }) => bytes),
  );
  gauge(
    'shunt_pair_queue_peak_bytes',
    'The most that waited in the queue of a connection that is open now',
    known.map(({ from, to, queuedPeakBytes }) => [{ source: from, destination: to }, queuedPeakBytes]),
  );
  const measured = 'while somebody had it measured: GET /metrics?cost=SECONDS, shunt metrics --cost, shunt top';
  counter(
    'shunt_pair_queue_byte_seconds_total',
    `Redirected bytes that waited times the time, ${measured}`,
    of(({ byteNs }) => Number(byteNs) / NS_PER_S),
  );
  counter(
    'shunt_pair_queue_measured_bytes_total',
    `Bytes that were redirected ${measured}`,
    of(({ measuredBytes }) => Number(measuredBytes)),
  );
}

function processes(snapshot: MetricsSnapshot, counter: Define, gauge: Define): void {
  const { startedAtMs, fastPath, memory, envoy, workloads, programs } = snapshot;
  const asNumber = (is: boolean): number => (is ? 1 : 0);
  gauge('shunt_supervisor_start_time_seconds', 'When the supervisor started, since the epoch', [
    [{}, startedAtMs / 1000],
  ]);
  gauge('shunt_problems', 'What does not work right now; shunt status names each', [[{}, snapshot.problems]]);
  gauge(
    'shunt_fast_path_state',
    'Whether messages may be redirected: 1 for the state that holds, 0 for the others',
    (['on', 'paused', 'off'] as const).map((state) => [{ state }, asNumber(state === fastPath)]),
  );
  const ofProcesses = (field: keyof Memory): Sample[] =>
    Object.entries(memory).map(([component, all]) => [{ component }, all[field]]);
  gauge(
    'shunt_memory_proportional_bytes',
    'Memory of a process of shunt; a page that n processes share counts 1/n',
    ofProcesses('pssBytes'),
  );
  gauge('shunt_memory_anonymous_bytes', 'Memory that goes away with the process', ofProcesses('anonymousBytes'));
  gauge('shunt_envoy_ready', '1 while Envoy serves', [[{}, asNumber(envoy.ready)]]);
  counter('shunt_envoy_restarts_total', 'How often the supervisor had to start Envoy again', [[{}, envoy.restarts]]);
  gauge(
    'shunt_workload_running',
    '1 while the command of the workload runs',
    workloads.map(({ key, running }) => [{ workload: key }, asNumber(running)]),
  );
  counter(
    'shunt_workload_restarts_total',
    'How often the command of the workload was started again',
    workloads.map(({ key, restarts }) => [{ workload: key }, restarts]),
  );
  gauge(
    'shunt_workload_memory_proportional_bytes',
    'Memory of all processes of the workload',
    workloads.map((workload) => [{ workload: workload.key }, workload.memory.pssBytes]),
  );
  const costs = Object.entries(programs);
  const measured = 'while somebody had it measured: GET /metrics?cost=SECONDS, shunt metrics --cost, shunt top';
  counter(
    'shunt_bpf_program_runs_total',
    `Runs of a BPF program, ${measured}`,
    costs.map(([program, { runs }]) => [{ program }, Number(runs)]),
  );
  counter(
    'shunt_bpf_program_run_seconds_total',
    `Time in a BPF program on all CPUs, ${measured}`,
    costs.map(([program, { runTimeNs }]) => [{ program }, Number(runTimeNs) / NS_PER_S]),
  );
}

function labelNames(samples: readonly Sample[]): string[] {
  return Object.keys(samples[0]?.[0] ?? {});
}
