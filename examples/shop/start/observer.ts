/** Looks at the running shop once a second and keeps what the summary needs. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Status } from '../../../src/api/types.ts';
import type { LoadReport } from '../load/report.ts';
import { latestReport } from './load-report.ts';
import { ShareMeter } from './share.ts';
import type { Shunt } from './shunt.ts';
import type { Memory } from './summary.ts';
import type { Live } from './tables.ts';

const INTERVAL_MS = 1000;
const POLL_MS = 50;

export class Observer {
  readonly share = new ShareMeter();
  /** Every process that was seen; after the end none of them may live. */
  readonly pids = new Set<number>();
  report: LoadReport | undefined;
  measurement: Live['measurement'];
  /** What the table says is going on. */
  doing = 'starting';
  readonly #shunt: Shunt;
  readonly #reportFile: string;
  readonly #show: (live: Live) => void;
  #status: Status | undefined;
  /** The counters are read, and count, only while the fast path is meant to be on. */
  #counting = false;

  constructor(shunt: Shunt, reportFile: string, show: (live: Live) => void) {
    this.#shunt = shunt;
    this.#reportFile = reportFile;
    this.#show = show;
  }

  get memory(): Memory {
    return {
      envoyPssBytes: this.#status?.envoy.memory?.pssBytes ?? 0,
      supervisorPssBytes: this.#status?.supervisor.memory.pssBytes ?? 0,
    };
  }

  /** Looks until the signal aborts. A supervisor that does not answer is an error of this run. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await delay(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async look(): Promise<void> {
    const status = await this.#shunt.api.status();
    this.#status = status;
    if (this.#counting) this.share.add(status.fastPath);
    for (const pid of [status.supervisor.pid, status.envoy.pid ?? 0]) if (pid > 0) this.pids.add(pid);
    for (const { pids } of await this.#shunt.api.workloads()) for (const pid of pids) this.pids.add(pid);
    this.report = latestReport(this.#reportFile);
    this.#show({
      report: this.report,
      status,
      share: this.share.total().share,
      measurement: this.measurement,
      doing: this.doing,
    });
  }

  /** From now on, until {@link pauseCounting}, what is sent counts for the share. */
  async count(): Promise<void> {
    this.#counting = true;
    await this.look();
  }

  async pauseCounting(): Promise<void> {
    await this.look();
    this.#counting = false;
    this.share.skip();
  }

  /** Resolves with the first report that `wanted` accepts. Rejects after `timeoutMs`, or when the signal aborts. */
  async reported(what: string, timeoutMs: number, signal: AbortSignal, wanted: (report: LoadReport) => boolean) {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const report = latestReport(this.#reportFile);
      if (report !== undefined && wanted(report)) return report;
      if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs / 1000} s: ${what}`);
      await delay(POLL_MS, undefined, { signal });
    }
  }
}
