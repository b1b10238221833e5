/** One run of the shop: up, watch, compare, down, judge. */
import { setTimeout as delay } from 'node:timers/promises';
import { ShuntError } from '../../../src/errors.ts';
import { instance } from '../../../src/instance.ts';
import { leftovers } from './leftovers.ts';
import { measure } from './measurement.ts';
import { Observer } from './observer.ts';
import { Scratch } from './scratch.ts';
import { Shunt } from './shunt.ts';
import { type Observed, type ShopSummary, summaryOf } from './summary.ts';
import type { Live } from './tables.ts';

const READY_TIMEOUT_MS = 60_000;
const LAST_REPORT_TIMEOUT_MS = 10_000;
/** Many short turns rather than few long ones: what disturbs one turn is one of many. */
const ROUNDS = 8;
/** How long the shop runs before the comparison when nobody says how long in all. */
const UNHURRIED_MS = { before: 5000, phase: 1000 };

export interface ShopOptions {
  readonly instance: string;
  /** Since the Services answer. Absent: until the signal aborts. */
  readonly durationMs?: number;
  readonly rate: number;
  readonly connections: number;
  /** Ctrl-C: ends the run, never the taking down. */
  readonly signal: AbortSignal;
  readonly show: (live: Live) => void;
}

/**
 * Takes down what it brought up, whatever happens; what went wrong is in the summary. Rejects only when nothing was started:
 * the instance runs already, or the machine lacks something.
 */
export async function runShop(options: ShopOptions): Promise<ShopSummary> {
  await using shunt = new Shunt(instance(options.instance));
  await refuseRunning(shunt);
  await shunt.down(); // what a crash left
  const observed = await withScratch(shunt, options);
  return summaryOf(observed);
}

async function withScratch(shunt: Shunt, options: ShopOptions): Promise<Observed> {
  using scratch = Scratch.create(options);
  const observer = new Observer(shunt, scratch.reportFile, options.show);
  let error: Error | undefined;
  try {
    await shunt.up(scratch.meshDir);
    await watched(observer, options.signal, (signal) => session(shunt, observer, options, signal));
  } catch (cause) {
    if (!options.signal.aborted) error = cause as Error;
  }
  observer.doing = 'taking down';
  await shunt.down().catch((cause: Error) => {
    error ??= cause;
  });
  return {
    instance: options.instance,
    report: observer.report,
    fastPath: observer.share.total(),
    memory: observer.memory,
    measurement: observer.measurement,
    ranToTheEnd: !options.signal.aborted,
    leftovers: await leftovers(shunt.instance, observer.pids),
    ...(error === undefined ? {} : { error: error.message }),
  };
}

/** Runs `body` while the observer looks; the first of them that fails ends both. */
async function watched(
  observer: Observer,
  interrupt: AbortSignal,
  body: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupt, ended.signal]);
  const looking = observer.run(signal).catch((error: Error) => {
    ended.abort(error);
    throw error;
  });
  try {
    await body(signal);
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    ended.abort();
    await looking;
  }
}

async function session(shunt: Shunt, observer: Observer, options: ShopOptions, signal: AbortSignal): Promise<void> {
  await observer.reported('the Services answer', READY_TIMEOUT_MS, signal, ({ ready }) => ready);
  const startMs = performance.now();
  const { durationMs } = options;
  observer.doing = 'running';
  await observer.count();
  await delay(durationMs === undefined ? UNHURRIED_MS.before : durationMs * 0.4, undefined, { signal });

  await observer.pauseCounting();
  observer.doing = `comparing: fast path on and paused, ${ROUNDS} times each`;
  const phaseMs = durationMs === undefined ? UNHURRIED_MS.phase : Math.min(2000, Math.round(durationMs * 0.02));
  observer.measurement = await measure(shunt, { rounds: ROUNDS, phaseMs, signal });
  observer.doing = durationMs === undefined ? 'running; Ctrl-C ends it' : 'running';
  await observer.count();

  const leftMs = durationMs === undefined ? 2 ** 31 - 1 : durationMs - (performance.now() - startMs);
  await delay(Math.max(0, leftMs), undefined, { signal });
  // What happened up to now is in a report that was written after now.
  const now = new Date().toISOString();
  await observer.reported('a last report', LAST_REPORT_TIMEOUT_MS, signal, ({ time }) => time > now);
  await observer.look();
}

async function refuseRunning(shunt: Shunt): Promise<void> {
  try {
    await shunt.api.status();
  } catch (error) {
    if (error instanceof ShuntError && error.code === 'E_NOT_RUNNING') return;
    throw error;
  }
  const { name } = shunt.instance;
  throw new Error(`instance ${name} runs already; end it with: shunt --instance ${name} down, or choose --instance`);
}
