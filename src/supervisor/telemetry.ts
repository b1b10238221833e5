/** What the supervisor can be asked about traffic and cost, put together from the kernel and the processes. */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ExplainedSocket, Flow, PairSums, PairsAnswer, PcapSummary } from '../api/types.ts';
import type { Workload } from '../config/model.ts';
import { pinsIn } from '../dataplane/layout.ts';
import { BUILT_OBJECTS } from '../dataplane/objects.ts';
import { Queues } from '../dataplane/queues.ts';
import { ShuntError } from '../errors.ts';
import { memoryOf } from '../telemetry/memory.ts';
import { metricsOf } from '../telemetry/metrics.ts';
import { named } from '../telemetry/outcomes.ts';
import { type PairTotal, PairTotals } from '../telemetry/pairs.ts';
import type { QueueSum } from '../telemetry/queue-sums.ts';
import { explainAll, explainOne, type Scene } from './explain.ts';
import { cgroupNames, flowsOf } from './flows.ts';
import { Pcap, type PcapRequest } from './pcap.ts';
import { QueueWatch } from './queue-watch.ts';
import type { Parts } from './reconcile.ts';
import { RunStatsLease } from './run-stats-lease.ts';
import type { AppliedState } from './state.ts';
import { statusOf } from './status.ts';

/** Longer than any sensible interval between two scrapes. */
const COST_SECONDS_MAX = 600;

/** What changes under the supervisor's hands. */
export interface Current {
  readonly startedAt: Date;
  readonly applied: AppliedState | undefined;
  readonly lastError: string | undefined;
}

export class Telemetry implements Disposable {
  readonly #parts: Parts;
  readonly #current: () => Current;
  readonly #totals = new PairTotals();
  readonly #lease: RunStatsLease;
  readonly #queues: QueueWatch;
  readonly #pcap = new Pcap();

  constructor(parts: Parts, current: () => Current) {
    this.#parts = parts;
    this.#current = current;
    this.#lease = new RunStatsLease(parts.clock);
    this.#queues = new QueueWatch(
      parts.clock,
      () => openQueues(parts),
      (error) => parts.log.warn('queues are not looked at', { error }),
    );
  }

  /** @param cost Seconds, as text: measure programs and queues for so long from now on. @throws E_USAGE. */
  async metrics(format: 'text' | 'json', cost: string | undefined): Promise<string | object> {
    this.#measure(cost);
    const { startedAt, applied, lastError } = this.#current();
    const { runner, dataplane } = this.#parts;
    const status = statusOf(startedAt, this.#parts, applied, lastError);
    const none = { pssBytes: 0, anonymousBytes: 0 };
    const registry = metricsOf({
      startedAtMs: startedAt.getTime(),
      counters: dataplane.opened?.readCounters() ?? {},
      fastPath: status.fastPath.state,
      pairs: this.#pairTotals(),
      queues: this.#queues.now().byPair,
      programs: dataplane.opened?.readProgramCosts() ?? {},
      memory: { supervisor: status.supervisor.memory, envoy: status.envoy.memory ?? none },
      envoy: { ready: status.envoy.state === 'ready', restarts: status.envoy.restarts },
      workloads: this.#workloads().map(({ key }) => {
        const { state, restarts, pids } = runner.state(key);
        return { key, running: state === 'running', restarts, memory: memoryOf(pids) };
      }),
      problems: status.problems.length,
    });
    return format === 'json' ? await registry.getMetricsAsJSON() : await registry.metrics();
  }

  /** For `shunt top`: sums, to be compared with those of a moment ago. @param cost As in {@link metrics}. */
  pairs(cost: string | undefined): PairsAnswer {
    this.#measure(cost);
    const programs = Object.entries(this.#parts.dataplane.opened?.readProgramCosts() ?? {});
    const { byPair } = this.#queues.now();
    return {
      takenMs: this.#parts.clock.monotonicMs(),
      pairs: this.#pairTotals().map(({ key, from, to, open, messages, bytes }) => ({
        from,
        ...(to === undefined ? {} : { to }),
        open,
        messages: named(messages),
        bytes: named(bytes),
        ...queueOf(byPair.get(key)),
      })),
      programs: programs.map(([name, { runs, runTimeNs }]) => ({
        name,
        runs: Number(runs),
        runTimeNs: Number(runTimeNs),
      })),
    };
  }

  /** Promoted connections, a record a direction. */
  flows(): Flow[] {
    const { instance, dataplane } = this.#parts;
    if (dataplane.opened === undefined) return [];
    return flowsOf(instance, dataplane.opened, this.#workloads(), this.#queues.now().byCookie);
  }

  /** Established connections of the members' processes, promoted or not. */
  connections(): ExplainedSocket[] {
    return this.#parts.dataplane.opened === undefined ? [] : explainAll(this.#scene());
  }

  /** @throws E_USAGE, also before the first change. */
  explain(what: string): ExplainedSocket[] {
    return explainOne(this.#scene(), what);
  }

  /** What promoted sockets send, as a pcapng file. @throws E_USAGE, E_BPF_*. */
  startPcap(request: PcapRequest): Readable {
    return this.#pcap.start(this.#scene(), request);
  }

  stopPcap(): PcapSummary {
    return this.#pcap.stop();
  }

  #scene(): Scene {
    const { instance, dataplane, learned } = this.#parts;
    const isOn = this.#current().applied?.topology.model.mesh.fastPath.enabled ?? true;
    return {
      instance,
      dataplane: dataplane.current,
      workloads: this.#workloads(),
      learned,
      queues: this.#queues.now().byCookie,
      fastPathEnabled: isOn && dataplane.fastPathObstacle === undefined,
    };
  }

  [Symbol.dispose](): void {
    this.#lease[Symbol.dispose]();
    this.#queues[Symbol.dispose]();
    this.#pcap[Symbol.dispose]();
  }

  #measure(cost: string | undefined): void {
    if (cost === undefined) return;
    const seconds = Number(cost);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > COST_SECONDS_MAX) {
      throw new ShuntError('E_USAGE', `cost ${JSON.stringify(cost)}: expected seconds, 1 to ${COST_SECONDS_MAX}`);
    }
    this.#lease.hold(seconds * 1000);
    this.#queues.hold(seconds * 1000);
  }

  #pairTotals(): readonly PairTotal[] {
    const { instance, dataplane } = this.#parts;
    if (dataplane.opened === undefined) return [];
    const closed = dataplane.opened.readClosed();
    return this.#totals.update(closed, dataplane.opened.readFlows(), cgroupNames(instance, this.#workloads()));
  }

  #workloads(): readonly Workload[] {
    return this.#current().applied?.topology.model.workloads ?? [];
  }
}

function openQueues({ instance, dataplane }: Parts): Queues | undefined {
  if (dataplane.opened === undefined) return undefined;
  return Queues.open({ mapPinDir: pinsIn(instance.pinDir).maps, object: join(BUILT_OBJECTS, 'queues.bpf.o') });
}

const NS_PER_S = 1e9;

function queueOf(sum: QueueSum | undefined): Pick<PairSums, 'queue'> {
  if (sum === undefined) return {};
  const { bytes, byteNs, measuredBytes } = sum;
  return { queue: { bytes, byteSeconds: Number(byteNs) / NS_PER_S, measuredBytes: Number(measuredBytes) } };
}
