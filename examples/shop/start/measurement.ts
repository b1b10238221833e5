/** The same client with the fast path on and paused, in turns: what differs between two phases is the path alone. */
import type { ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { ratio, type Summary, summarize } from '../../../bench/harness/statistics.ts';
import { SHOP_DIR } from './scratch.ts';
import { exitOf, type Shunt, textOf } from './shunt.ts';

/** A line of meter.ts. */
export interface MeterReport {
  readonly requests: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Measurement {
  /** Turns of both; each figure below is of so many. */
  readonly rounds: number;
  readonly phaseMs: number;
  readonly on: PhaseSummary;
  readonly paused: PhaseSummary;
  /** On to paused, turn by turn. More requests a second and less time are better. */
  readonly ratio: PhaseSummary;
  /** Requests that did not come back with 200. */
  readonly failed: number;
  /** Share of the sent bytes that went by the fast path in the phases with it on. */
  readonly shareOn: number | null;
}

export interface PhaseSummary {
  readonly perSecond: Summary;
  readonly p50Ms: Summary;
  readonly p99Ms: Summary;
}

export interface MeasurementOptions {
  readonly rounds: number;
  /** Length of one phase. */
  readonly phaseMs: number;
  readonly signal: AbortSignal;
}

/** Leaves the fast path on, also when it fails or is aborted. */
export async function measure(shunt: Shunt, options: MeasurementOptions): Promise<Measurement> {
  const { rounds, phaseMs, signal } = options;
  const meter = shunt.run(
    ['--name', 'meter', '--service-account', 'load'],
    [process.execPath, join(SHOP_DIR, 'meter.ts')],
  );
  const lines = new MeterLines(meter);
  const on: MeterReport[] = [];
  const paused: MeterReport[] = [];
  let redirected = 0;
  let sent = 0;
  try {
    await lines.phase(phaseMs); // connects, warms up, and is promoted
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      await shunt.api.resume();
      const before = (await shunt.api.status()).fastPath;
      on.push(await lines.phase(phaseMs));
      const after = (await shunt.api.status()).fastPath;
      redirected += after.redirectedBytes - before.redirectedBytes;
      sent += after.safeReaderBytes - before.safeReaderBytes;
      signal.throwIfAborted();
      await shunt.api.pause();
      paused.push(await lines.phase(phaseMs));
    }
  } finally {
    await shunt.api.resume();
    await lines.end();
  }
  return {
    rounds,
    phaseMs,
    on: phaseSummary((pick) => summarize(on.map(pick))),
    paused: phaseSummary((pick) => summarize(paused.map(pick))),
    ratio: phaseSummary((pick) => ratio(on.map(pick), paused.map(pick))),
    failed: [...on, ...paused].reduce((sum, report) => sum + report.failed, 0),
    shareOn: sent === 0 ? null : redirected / sent,
  };
}

function phaseSummary(of: (pick: (report: MeterReport) => number) => Summary): PhaseSummary {
  return {
    perSecond: of((report) => report.perSecond),
    p50Ms: of((report) => report.p50Ms),
    p99Ms: of((report) => report.p99Ms),
  };
}

/** Asks the meter for one phase after the other. */
class MeterLines {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: Promise<string>;
  readonly #exit: Promise<number>;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.#errors = textOf(child.stderr);
    this.#exit = exitOf(child);
    child.stdin.on('error', () => undefined); // the meter's end is told by its output
  }

  async phase(durationMs: number): Promise<MeterReport> {
    this.#child.stdin.write(`${durationMs}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the meter ended: ${(await this.#errors).trim() || `exit ${await this.#exit}`}`);
    return JSON.parse(value as string) as MeterReport;
  }

  /** Resolves when it ended and its workload is gone. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#exit;
  }
}
