/**
 * The one process that wires everything and is in nobody's data path. It holds the instance's lock; its whole state can be
 * read back from the machine and the state directory, so that it may be killed at any moment.
 */
import type { AdHocRequest, AdHocResult, ApplyResult, Status, WorkloadStatus } from '../api/types.ts';
import type { Lock } from '../bpf/flock.ts';
import { type Clock, systemClock } from '../clock.ts';
import { parseResources } from '../config/load.ts';
import type { Workload } from '../config/model.ts';
import { placeTopology } from '../config/placement.ts';
import { principalOf, type Topology } from '../config/topology.ts';
import type { DataplaneEvent } from '../dataplane/events.ts';
import { ShuntError } from '../errors.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey, workloadCgroup } from '../instance.ts';
import { createLogger, type Logger } from '../log.ts';
import { memoryOf } from '../telemetry/memory.ts';
import { isPopulated } from '../workload/populated.ts';
import { isSplicing, spliceOf } from '../workload/readers.ts';
import { busyCidrs } from './busy-cidrs.ts';
import { describeChanges } from './changes.ts';
import { DataplaneHandle } from './dataplane-handle.ts';
import { EnvoyProcess } from './envoy-process.ts';
import { cgroupNames } from './flows.ts';
import { Learned } from './learned.ts';
import { lockInstance } from './lock.ts';
import { applyMembers, type Parts, reconcile } from './reconcile.ts';
import { type AppliedState, readApplied } from './state.ts';
import { pausedWorkloads, statusOf } from './status.ts';
import { takeDown } from './takedown.ts';
import { Telemetry } from './telemetry.ts';
import { WorkloadRunner } from './workload-runner.ts';

export interface SupervisorOptions {
  /** Gets each line of the log, without its line end. */
  readonly logLine: (line: string) => void;
  readonly clock?: Clock;
}

export class Supervisor {
  readonly instance: Instance;
  readonly startedAt: Date;
  /** Resolves when {@link stop} or {@link down} was called. */
  readonly stopped: Promise<void>;
  readonly telemetry: Telemetry;
  readonly #parts: Parts;
  readonly #lock: Lock;
  readonly #log: Logger;
  #applied: AppliedState | undefined;
  #lastError: string | undefined;
  /** What comes after the end would be left on the machine without a supervisor. */
  #isDown = false;
  /** Tail of the queue of changes: they happen one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #stop: () => void = () => undefined;

  private constructor(instance: Instance, parts: Parts, lock: Lock) {
    this.instance = instance;
    this.#parts = parts;
    this.#lock = lock;
    this.#log = parts.log;
    this.startedAt = new Date(parts.clock.nowMs());
    this.telemetry = new Telemetry(parts, () => ({
      startedAt: this.startedAt,
      applied: this.#applied,
      lastError: this.#lastError,
    }));
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
  }

  /**
   * Takes the lock and adopts what runs. What cannot be adopted goes on as it is, and `status` says so: a supervisor that
   * refused to start could not be asked why. @throws E_LOCKED when another supervisor runs this instance.
   */
  static async start(instance: Instance, options: SupervisorOptions): Promise<Supervisor> {
    const clock = options.clock ?? systemClock;
    const log = createLogger({ write: (line) => options.logLine(line.trimEnd()), clock });
    const lock = await lockInstance(instance);
    const applied = readApplied(instance);
    let self: Supervisor | undefined;
    const dataplane = new DataplaneHandle(instance, log, undefined, (event) => void self?.onEvent(event));
    const runner = new WorkloadRunner(instance, log, clock, {
      empty: (key) => void self?.onEmpty(key),
      started: () => void self?.onStarted(),
    });
    const envoy = new EnvoyProcess({ instance, log, clock });
    self = new Supervisor(
      instance,
      { instance, dataplane, envoy, runner, learned: new Learned(instance), log, clock },
      lock,
    );
    log.info('supervisor started', { instance: instance.name, pid: process.pid, adopting: applied !== undefined });
    if (applied !== undefined) await self.#adopt(applied);
    return self;
  }

  async apply(sources: readonly { file: string; text: string }[]): Promise<ApplyResult> {
    return await this.#enqueue(async () => {
      const wanted = this.#place(sources);
      const changes = describeChanges(this.#applied, wanted);
      await this.#change(wanted);
      return { changes };
    });
  }

  async plan(sources: readonly { file: string; text: string }[]): Promise<ApplyResult> {
    return { changes: describeChanges(this.#applied, this.#place(sources)) };
  }

  /** Of all, or of one workload. @throws E_USAGE when there is no such workload, or no fast path for it. */
  async setPaused(paused: boolean, workload?: string): Promise<void> {
    await this.#enqueue(async () => {
      const dataplane = this.#parts.dataplane.current;
      if (workload !== undefined) this.#setWorkloadPaused(workload, paused);
      else if (paused) dataplane.pause();
      else dataplane.resume();
      this.#log.info(paused ? 'fast path paused' : 'fast path resumed', { workload });
    });
  }

  #setWorkloadPaused(name: string, paused: boolean): void {
    const { topology } = this.#needApplied();
    const key = topology.model.workloads.find((workload) => workload.key === name)?.key;
    if (key === undefined) throw new ShuntError('E_USAGE', `${name}: no such workload; see: shunt workloads`);
    const { current } = this.#parts.dataplane;
    const cgroup = workloadCgroup(this.instance, key);
    const isMember = paused ? current.pauseMember(cgroup) : current.resumeMember(cgroup);
    if (!isMember) throw new ShuntError('E_USAGE', `${name}: the fast path is off; see: shunt status`);
  }

  async addAdHoc(request: AdHocRequest): Promise<AdHocResult> {
    return await this.#enqueue(async () => {
      const applied = this.#needApplied();
      const workload = adHocWorkload(request);
      if (applied.topology.model.workloads.some(({ key }) => key === workload.key)) {
        throw new ShuntError('E_USAGE', `workload ${workload.key} exists; choose another --name`);
      }
      const workloads = [...applied.topology.model.workloads, workload];
      const wanted = this.#withWorkloads(applied.topology, workloads, [...applied.adHoc, workload.key]);
      await this.#change(wanted, keysOf(applied));
      const ip = wanted.topology.workloadIps[workload.key] ?? '';
      return { key: workload.key, ip, splice: spliceOf(workload, request.command) };
    });
  }

  /** Ends what still runs in it. Unknown keys are no error: the command and the supervisor may both clean up. */
  async removeAdHoc(key: string): Promise<void> {
    await this.#enqueue(async () => {
      const applied = this.#needApplied();
      if (!applied.adHoc.includes(key as ResourceKey)) return;
      const workloads = applied.topology.model.workloads.filter((workload) => workload.key !== key);
      this.#parts.learned.forget(key);
      await this.#change(
        this.#withWorkloads(
          applied.topology,
          workloads,
          applied.adHoc.filter((one) => one !== key),
        ),
        keysOf(applied),
      );
    });
  }

  async status(): Promise<Status> {
    return statusOf(this.startedAt, this.#parts, this.#applied, this.#lastError);
  }

  workloadStatus(): WorkloadStatus[] {
    if (this.#applied === undefined) return [];
    const { topology, adHoc } = this.#applied;
    const paused = pausedWorkloads(this.#parts, topology);
    return topology.model.workloads.map((workload) => {
      const { state, restarts, pids } = this.#parts.runner.state(workload.key);
      return {
        key: workload.key,
        principal: principalOf(topology.model, workload),
        ip: topology.workloadIps[workload.key] ?? '',
        state,
        adHoc: adHoc.includes(workload.key),
        pids,
        restarts,
        fastPath: workload.fastPath,
        paused: paused.includes(workload.key),
        memory: memoryOf(pids),
        namespacePath: netnsPath(netnsName(this.instance.name, workload.key)),
        cgroup: workloadCgroup(this.instance, workload.key),
      };
    });
  }

  /**
   * Removes everything but the lock, which goes with the process; ends the supervisor when the answer was sent.
   * @param unlessApplied For a first `up` that was refused: somebody else's may have succeeded meanwhile.
   * @throws E_USAGE when it did.
   */
  async down(unlessApplied = false): Promise<ApplyResult> {
    return await this.#enqueue(async () => {
      if (unlessApplied && this.#applied !== undefined) throw new ShuntError('E_USAGE', 'resources are applied');
      this.#log.info('taking the instance down');
      this.#parts.envoy.release();
      await this.#parts.runner.release();
      this.#parts.dataplane[Symbol.dispose]();
      const changes = await takeDown(this.instance, { keepRunDir: true });
      this.#applied = undefined;
      this.#isDown = true;
      setImmediate(() => this.stop());
      return { changes };
    });
  }

  /** Ends the supervisor; the mesh goes on. */
  stop(): void {
    this.#stop();
  }

  /** Releases what the process holds; nothing on the machine changes. */
  async close(): Promise<void> {
    await this.#queue.catch(() => undefined);
    this.telemetry[Symbol.dispose]();
    this.#parts.envoy.release();
    await this.#parts.runner.release();
    this.#parts.dataplane[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }

  /**
   * A socket that is made blocking after its promotion has a recv(2) that does not keep its promises, and the kernel has no way
   * to take it out: the next ones of this workload are not promoted.
   */
  async onEvent(event: DataplaneEvent): Promise<void> {
    if (event.kind !== 'became-blocking') return;
    await this.#enqueue(async () => {
      if (this.#applied === undefined) return;
      const { topology } = this.#applied;
      const key = cgroupNames(this.instance, topology.model.workloads).get(event.cgroupId);
      const workload = topology.model.workloads.find((one) => one.key === key);
      if (workload === undefined) return;
      if (!this.#parts.learned.note(workload.key, event.kind, new Date(this.#parts.clock.nowMs()))) return;
      applyMembers(this.#parts, topology);
      this.#log.warn('workload stays off the fast path: it makes promoted sockets blocking', {
        workload: workload.key,
      });
    }).catch((error: unknown) => this.#log.error('nothing learned', { error }));
  }

  /** What was learned of a workload, or of all. @throws E_USAGE when nothing was learned of it. */
  async forget(workload?: string): Promise<void> {
    await this.#enqueue(async () => {
      const { topology } = this.#needApplied();
      if (this.#parts.learned.forget(workload) === 0 && workload !== undefined) {
        throw new ShuntError('E_USAGE', `${workload}: nothing was learned of it; see: shunt status`);
      }
      applyMembers(this.#parts, topology);
    });
  }

  /** A program that runs from now on may be redirected to, where the one before it might have used splice(2). */
  async onStarted(): Promise<void> {
    await this.#enqueue(async () => {
      if (this.#applied !== undefined) applyMembers(this.#parts, this.#applied.topology);
    }).catch((error: unknown) => this.#log.error('readers not updated', { error }));
  }

  /** The last process of an ad-hoc workload ended without anybody asking for its removal: its `shunt run` was killed. */
  async onEmpty(key: ResourceKey): Promise<void> {
    try {
      await this.removeAdHoc(key);
    } catch (error) {
      this.#log.error('ad-hoc workload not removed', { workload: key, error });
    }
  }

  #place(sources: readonly { file: string; text: string }[]): AppliedState {
    const model = parseResources(sources.map(({ file, text }) => ({ file, text: Buffer.from(text) })));
    const previous = this.#applied?.topology;
    const adHoc = (previous?.model.workloads ?? []).filter(
      ({ key }) => this.#applied?.adHoc.includes(key) && model.workloads.every((workload) => workload.key !== key),
    );
    const workloads = [...model.workloads, ...adHoc].sort(byKey);
    const topology = placeTopology({ ...model, workloads }, previous, {
      instance: this.instance.name,
      busyCidrs: previous === undefined ? busyCidrs(this.instance) : [],
    });
    return { topology, adHoc: adHoc.map(({ key }) => key) };
  }

  #withWorkloads(topology: Topology, workloads: readonly Workload[], adHoc: readonly ResourceKey[]): AppliedState {
    const model = { ...topology.model, workloads: [...workloads].sort(byKey) };
    return { topology: placeTopology(model, topology, { instance: this.instance.name, busyCidrs: [] }), adHoc };
  }

  async #change(wanted: AppliedState, unchanged?: ReadonlySet<ResourceKey>): Promise<void> {
    if (this.#isDown) throw new ShuntError('E_NOT_RUNNING', 'the instance was taken down meanwhile; run it again');
    try {
      await reconcile(this.#parts, wanted, this.#applied, unchanged);
      this.#applied = wanted;
      this.#lastError = undefined;
    } catch (error) {
      this.#lastError = `last change refused: ${(error as Error).message}`;
      this.#log.error('change refused', { error });
      throw error;
    }
  }

  async #adopt(applied: AppliedState): Promise<void> {
    this.#applied = this.#withoutEnded(applied);
    // The error is logged, and part of the status until a change succeeds.
    await this.#change(this.#applied).catch(() => undefined);
  }

  /** Ad-hoc workloads whose command ended while no supervisor watched. */
  #withoutEnded(applied: AppliedState): AppliedState {
    const ended = applied.adHoc.filter((key) => !isPopulated(workloadCgroup(this.instance, key)));
    if (ended.length === 0) return applied;
    for (const key of ended) this.#parts.learned.forget(key);
    const workloads = applied.topology.model.workloads.filter(({ key }) => !ended.includes(key));
    const adHoc = applied.adHoc.filter((key) => !ended.includes(key));
    return this.#withWorkloads(applied.topology, workloads, adHoc);
  }

  #needApplied(): AppliedState {
    if (this.#applied === undefined) throw new ShuntError('E_USAGE', 'nothing was applied yet; run: shunt up -f PATH');
    return this.#applied;
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

const keysOf = ({ topology }: AppliedState): Set<ResourceKey> =>
  new Set(topology.model.workloads.map(({ key }) => key));

const byKey = (a: Workload, b: Workload): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** @throws E_USAGE when a name is not a DNS label. */
function adHocWorkload(request: AdHocRequest): Workload {
  for (const [what, value] of Object.entries({
    name: request.name,
    namespace: request.namespace,
    'service account': request.serviceAccount,
  })) {
    if (!LABEL.test(value)) throw new ShuntError('E_USAGE', `${what} ${JSON.stringify(value)}: expected a DNS label`);
  }
  return {
    key: `${request.namespace}/${request.name}`,
    name: request.name,
    namespace: request.namespace,
    labels: request.labels,
    serviceAccount: request.serviceAccount,
    fastPath: isSplicing(request.command ?? []) ? 'sender-only' : 'auto',
  };
}
