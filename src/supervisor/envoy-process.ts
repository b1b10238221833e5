/**
 * The one Envoy of the node: started once, adopted by every later supervisor, started again whenever it dies. Whether it
 * lives is read from its cgroup, so that a process this supervisor did not start is watched in the same way.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import type { Logger } from '../log.ts';
import { ensureCgroup, killCgroup, processesOf } from '../workload/cgroup.ts';
import { watchPopulated } from '../workload/populated.ts';
import { isAlive, startDetached } from './detached.ts';
import { EnvoyAdmin } from './envoy-admin.ts';
import { envoyBinary } from './envoy-binary.ts';
import { readIfExists } from './state.ts';

export type EnvoyState = 'stopped' | 'starting' | 'ready' | 'restarting';

/** First start: V8, 64 MB of program text, perhaps from a cold disk. */
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 20;
/** Waits before the 1st, 2nd, … restart in a row; a minute of life sets it back. The first must keep the gap under 2 s. */
const RESTART_DELAYS_MS = [0, 100, 500, 2000, 5000] as const;
const STABLE_AFTER_MS = 60_000;
/** Connections of removed listeners are closed after this; new ones were refused at once. */
const DRAIN_TIME_S = 5;

export interface EnvoyOptions {
  readonly instance: Instance;
  readonly log: Logger;
  readonly clock: Clock;
  /** Worker threads; absent: one a CPU. */
  readonly concurrency?: number;
  /** Called when it was started again and is ready. */
  readonly onRestart?: () => void;
}

export class EnvoyProcess {
  readonly admin: EnvoyAdmin;
  readonly #options: EnvoyOptions;
  readonly #logFile: string;
  #state: EnvoyState = 'stopped';
  #watch: Disposable | undefined;
  #startedAtMs = 0;
  #failuresInRow = 0;
  /** Started last; enters its cgroup a moment later. */
  #spawned: Promise<number> | undefined;
  /** Counts the rounds of restarting: the latest alone goes on. */
  #round = 0;
  restarts = 0;

  constructor(options: EnvoyOptions) {
    this.#options = options;
    this.admin = new EnvoyAdmin(options.instance.envoyAdminSocket);
    this.#logFile = join(options.instance.logDir, 'envoy.log');
  }

  get state(): EnvoyState {
    // It may have ended a moment ago, before the watch was told.
    return this.#state === 'ready' && this.pid === undefined ? 'restarting' : this.#state;
  }

  /** Absent while it does not run. */
  get pid(): number | undefined {
    return processesOf(this.#options.instance.envoyCgroup)[0];
  }

  /**
   * Adopts a running Envoy, else starts one; resolves when it is ready. There is never a second one: a restart that waits for
   * its turn gives way. @throws E_PROXY with Envoy's last words.
   */
  async ensure(): Promise<'adopted' | 'started' | 'unchanged'> {
    if (this.#state === 'ready') return 'unchanged';
    ensureCgroup(this.#options.instance.envoyCgroup, join(this.#options.instance.cgroup, '..'));
    const running = this.pid ?? (await this.#starting());
    const takesOver = this.#state === 'restarting' && running === undefined;
    if (takesOver) this.#become('starting');
    try {
      await this.#untilReady(running ?? (await this.#start()));
    } catch (error) {
      if (takesOver) void this.#restart();
      throw error;
    }
    if (takesOver) this.restarts += 1;
    this.#become('ready');
    this.#startedAtMs = this.#options.clock.monotonicMs();
    this.#watch ??= watchPopulated(this.#options.instance.envoyCgroup, (populated) => {
      if (!populated && this.#state === 'ready') void this.#restart();
    });
    return running === undefined ? 'started' : 'adopted';
  }

  /** Stops watching; Envoy goes on. */
  release(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#state = 'stopped';
  }

  /** Ends Envoy and waits until it is gone. */
  async stop(): Promise<void> {
    this.release();
    await killCgroup(this.#options.instance.envoyCgroup);
  }

  #start(): Promise<number> {
    this.#spawned = this.#spawn();
    return this.#spawned;
  }

  /** The pid of one that was started and has not ended. */
  async #starting(): Promise<number | undefined> {
    const pid = await this.#spawned?.catch(() => undefined);
    return pid !== undefined && isAlive(pid) ? pid : undefined;
  }

  async #spawn(): Promise<number> {
    const { instance, concurrency } = this.#options;
    this.#become(this.#state === 'restarting' ? 'restarting' : 'starting');
    rmSync(instance.envoyAdminSocket, { force: true });
    const threads = concurrency === undefined ? [] : ['--concurrency', String(concurrency)];
    return await startDetached(
      [
        envoyBinary(),
        ...['--config-path', join(instance.runDir, 'envoy.json')],
        '--disable-hot-restart',
        ...['--drain-time-s', String(DRAIN_TIME_S), '--drain-strategy', 'immediate'],
        // AUDIT policies write a line at level info
        ...['--file-flush-interval-msec', '200', '--log-level', 'warning', '--component-log-level', 'wasm:info'],
        ...threads,
      ],
      { logFile: this.#logFile, cgroup: instance.envoyCgroup },
    );
  }

  /** The pid and not the cgroup is looked at: a starting process enters its cgroup a moment later. */
  async #untilReady(pid: number): Promise<void> {
    const { clock, instance } = this.#options;
    const deadlineMs = clock.monotonicMs() + READY_TIMEOUT_MS;
    while (!(await this.admin.isReady())) {
      if (!isAlive(pid) || clock.monotonicMs() > deadlineMs) {
        throw new ShuntError(
          'E_PROXY',
          `Envoy ${!isAlive(pid) ? 'ended' : 'is not ready'}; ${join(instance.logDir, 'envoy.log')} ends with: ${this.lastWords()}`,
        );
      }
      await delay(READY_POLL_MS);
    }
  }

  /** The last warning or error in Envoy's log; what it refused, it says there. */
  lastWords(): string {
    const lines = readIfExists(this.#logFile)?.trimEnd().split('\n') ?? [];
    return lines.findLast((line) => /\[(warning|error|critical)\]/.test(line)) ?? lines.at(-1) ?? '(nothing)';
  }

  async #restart(): Promise<void> {
    const { clock, log, onRestart } = this.#options;
    this.#become('restarting');
    this.#round += 1;
    const round = this.#round;
    if (clock.monotonicMs() - this.#startedAtMs > STABLE_AFTER_MS) this.#failuresInRow = 0;
    while (this.#state === 'restarting') {
      const waitMs = RESTART_DELAYS_MS[Math.min(this.#failuresInRow, RESTART_DELAYS_MS.length - 1)] ?? 0;
      this.#failuresInRow += 1;
      log.warn('Envoy ended; starting it again', { waitMs });
      await delay(waitMs);
      if (this.#state !== 'restarting' || this.#round !== round) return;
      try {
        await this.#untilReady(await this.#start());
        this.restarts += 1;
        this.#startedAtMs = clock.monotonicMs();
        this.#become('ready');
        log.info('Envoy is back', { pid: this.pid });
        onRestart?.();
        // It may have died between the last look and the change of state; the watch then said so to a deaf ear.
        if (this.pid === undefined) this.#become('restarting');
      } catch (error) {
        log.error('Envoy did not start', { error });
        await killCgroup(this.#options.instance.envoyCgroup);
      }
    }
  }

  #become(state: EnvoyState): void {
    if (state !== this.#state) this.#options.log.debug('envoy', { from: this.#state, to: state });
    this.#state = state;
  }
}
