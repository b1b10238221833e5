/**
 * `npm start`: brings up a small shop as a mesh, sends requests of which policy denies some, compares the fast path on and
 * paused, and takes all down again. Exit status 0 only when everything that it claims held.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { runShop } from './start/shop.ts';
import { type Live, liveTable, summaryText } from './start/tables.ts';

interface StartOptions {
  readonly for?: number;
  readonly output: 'table' | 'json';
  readonly instance: string;
  readonly rate: number;
  readonly connections: number;
}

/** Shorter runs could not see every size of upload and the comparison. */
const LEAST_DURATION_MS = 15_000;
/** Where there is no terminal to redraw. */
const LINE_INTERVAL_MS = 5000;

const options = new Command('npm start --')
  .description('Runs examples/shop: nginx, a Node service, Redis and a load generator as a mesh')
  .option('--for <duration>', 'end after this long, e.g. 30s or 2m (default: Ctrl-C)', duration)
  .addOption(
    new Option('-o, --output <format>', 'how to print the summary').choices(['table', 'json']).default('table'),
  )
  .option('--instance <name>', 'which mesh on this machine', 'shop')
  .option('--rate <number>', 'requests a second', positive, 300)
  .option('--connections <number>', 'keep-alive connections to each Service', positive, 8)
  .parse()
  .opts<StartOptions>();

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!interrupted.signal.aborted) process.stderr.write('\ntaking down …\n');
    interrupted.abort();
  });
}

const live = process.stderr.isTTY;
let lastLineMs = 0;

function show(now: Live): void {
  if (live) {
    process.stderr.write(`\u001b[H\u001b[J${liveTable(now)}\nCtrl-C ends it and takes everything down.\n`);
  } else if (performance.now() - lastLineMs >= LINE_INTERVAL_MS) {
    lastLineMs = performance.now();
    const counts = now.report?.counts;
    process.stderr.write(
      `shop: ${now.doing}; ${counts?.requests ?? 0} requests, ${counts?.denied ?? 0} denied, ${counts?.errors ?? 0} errors\n`,
    );
  }
}

try {
  const summary = await runShop({
    instance: options.instance,
    rate: options.rate,
    connections: options.connections,
    signal: interrupted.signal,
    show,
    ...(options.for === undefined ? {} : { durationMs: options.for }),
  });
  process.stdout.write(`${options.output === 'json' ? JSON.stringify(summary, undefined, 2) : summaryText(summary)}\n`);
  process.exitCode = summary.ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`shop: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] as number;
  const value = Number(match?.[1]) * unit;
  if (!(value >= LEAST_DURATION_MS && value < 2 ** 31)) {
    throw new InvalidArgumentError(`expected a duration such as 30s or 2m, at least ${LEAST_DURATION_MS / 1000}s`);
  }
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number of at least 1');
  return value;
}
