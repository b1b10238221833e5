/**
 * Keeps the command of each workload running. What runs is read from the workload's cgroup, from a record of what was
 * started, and from the environment of processes, so that a supervisor that comes later knows as much as the one before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Workload } from '../config/model.ts';
import { type Instance, type ResourceKey, workloadCgroup } from '../instance.ts';
import type { Logger } from '../log.ts';
import { processesOf } from '../workload/cgroup.ts';
import { isRunOf, launch, launchOptions } from '../workload/launch.ts';
import { watchPopulated } from '../workload/populated.ts';
import { stopWorkload, whenGone } from '../workload/processes.ts';
import { spliceOf } from '../workload/readers.ts';
import { recordMain, runningMain } from './run-record.ts';

/** SIGTERM, then this long until SIGKILL. */
const STOP_TIMEOUT_MS = 5000;
/** Waits before the 1st, 2nd, … start in a row; a minute of life sets it back. */
const RESTART_DELAYS_MS = [0, 200, 1000, 5000, 10_000, 30_000] as const;
const STABLE_AFTER_MS = 60_000;
/** From the making of an ad-hoc workload to its first process; whoever asked for it died if it takes longer. */
const FIRST_PROCESS_TIMEOUT_MS = 30_000;

export type RunState = 'running' | 'exited' | 'waiting' | 'idle';

interface Entry {
  workload: Workload;
  /** Ends what waits for the end of the workload. */
  watch: AbortController;
  startedAtMs: number;
  failuresInRow: number;
  restarts: number;
  /** Waiting to be started again. */
  waiting: boolean;
  /** Settles when the start that is under way has ended. */
  starting: Promise<void> | undefined;
}

export interface RunnerEvents {
  /** The last process of a workload without a command of its own (`shunt run`) ended, or none ever came. */
  empty(key: ResourceKey): void;
  /** A command was started, for the first time or again. */
  started(): void;
}

export class WorkloadRunner {
  readonly #instance: Instance;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #on: RunnerEvents;
  readonly #entries = new Map<ResourceKey, Entry>();

  constructor(instance: Instance, log: Logger, clock: Clock, on: RunnerEvents) {
    this.#instance = instance;
    this.#log = log;
    this.#clock = clock;
    this.#on = on;
  }

  /**
   * Starts what should run and does not, with what it should run as; adopts what runs already. What cannot be started is
   * tried again as what ended is.
   */
  async ensure(workload: Workload): Promise<void> {
    const { key, run } = workload;
    const known = this.#entries.get(key);
    const entry = known ?? newEntry(workload, this.#clock.monotonicMs());
    entry.workload = workload;
    this.#entries.set(key, entry);
    if (run === undefined) {
      if (known === undefined) this.#watchAdHoc(entry);
      return;
    }
    await entry.starting?.catch(() => undefined);
    const main = runningMain(this.#instance, key);
    if (main !== undefined && isRunOf(main.hash, run)) {
      if (known === undefined) this.#follow(entry, whenGone(main, entry.watch.signal));
      return;
    }
    entry.watch.abort();
    entry.watch = new AbortController();
    try {
      await this.#start(entry);
    } catch (error) {
      this.#log.error('workload did not start', { workload: key, error });
      void this.#ended(entry, error);
    }
  }

  /** Stops a workload for good. */
  async remove(key: ResourceKey): Promise<void> {
    const entry = this.#entries.get(key);
    entry?.watch.abort();
    this.#entries.delete(key);
    await entry?.starting?.catch(() => undefined);
    await stopWorkload(workloadCgroup(this.#instance, key), { drainTimeoutMs: STOP_TIMEOUT_MS });
  }

  /** Stops watching; the workloads go on. Nothing is started any more when this resolves. */
  async release(): Promise<void> {
    const entries = [...this.#entries.values()];
    for (const entry of entries) entry.watch.abort();
    this.#entries.clear();
    await Promise.allSettled(entries.map(({ starting }) => starting));
  }

  state(key: ResourceKey): { state: RunState; restarts: number; pids: number[] } {
    const entry = this.#entries.get(key);
    const pids = processesOf(workloadCgroup(this.#instance, key));
    const stopped: RunState = entry?.waiting ? 'waiting' : entry?.workload.run === undefined ? 'idle' : 'exited';
    return { state: pids.length > 0 ? 'running' : stopped, restarts: entry?.restarts ?? 0, pids };
  }

  async #start(entry: Entry): Promise<void> {
    entry.starting = this.#launch(entry).finally(() => {
      entry.starting = undefined;
    });
    await entry.starting;
  }

  /** What the last command left in the cgroup must not live beside the next one: it would hold its ports. */
  async #launch(entry: Entry): Promise<void> {
    const { key, run } = entry.workload;
    const { signal } = entry.watch;
    if (run === undefined) return;
    await stopWorkload(workloadCgroup(this.#instance, key), { drainTimeoutMs: STOP_TIMEOUT_MS });
    if (signal.aborted) return;
    entry.startedAtMs = this.#clock.monotonicMs();
    const options = launchOptions(run, spliceOf(entry.workload));
    const { pid, exited } = await launch(this.#instance, key, options);
    recordMain(this.#instance, key, pid, options.hash);
    this.#log.info('workload started', { workload: key, pid });
    this.#on.started();
    this.#follow(entry, exited);
  }

  /** `ended` rejects when the watch is aborted; a child's own promise does not, so the signal is looked at as well. */
  #follow(entry: Entry, ended: Promise<unknown>): void {
    const { signal } = entry.watch;
    ended.then(
      (exit) => (signal.aborted ? undefined : this.#ended(entry, exit)),
      () => undefined,
    );
  }

  #watchAdHoc(entry: Entry): void {
    let started = false;
    const { key } = entry.workload;
    const { signal } = entry.watch;
    const watching = watchPopulated(workloadCgroup(this.#instance, key), (populated) => {
      if (!populated && started) this.#on.empty(key);
      started ||= populated;
    });
    signal.addEventListener('abort', () => watching.close());
    this.#clock.sleep(FIRST_PROCESS_TIMEOUT_MS, signal).then(
      () => (started ? undefined : this.#on.empty(key)),
      () => undefined,
    );
  }

  async #ended(entry: Entry, exit: unknown): Promise<void> {
    const { key, run } = entry.workload;
    const { signal } = entry.watch;
    this.#log.warn('workload ended', { workload: key, exit, restart: run?.restart });
    if (run?.restart !== 'always') return;
    if (this.#clock.monotonicMs() - entry.startedAtMs > STABLE_AFTER_MS) entry.failuresInRow = 0;
    const waitMs = RESTART_DELAYS_MS[Math.min(entry.failuresInRow, RESTART_DELAYS_MS.length - 1)] ?? 0;
    entry.failuresInRow += 1;
    entry.waiting = true;
    await delay(waitMs, undefined, { signal }).catch(() => undefined);
    entry.waiting = false;
    if (signal.aborted) return;
    try {
      await this.#start(entry);
      entry.restarts += 1;
    } catch (error) {
      this.#log.error('workload did not start', { workload: key, error });
      await this.#ended(entry, error);
    }
  }
}

function newEntry(workload: Workload, startedAtMs: number): Entry {
  return {
    workload,
    watch: new AbortController(),
    startedAtMs,
    failuresInRow: 0,
    restarts: 0,
    waiting: false,
    starting: undefined,
  };
}
