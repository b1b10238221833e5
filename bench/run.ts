/** `npm run bench -- NAME`: runs bench/NAME.ts, prints its table (or JSON) and keeps the raw figures in bench/results/. */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Benchmark } from './harness/benchmark.ts';
import { writeDocument } from './harness/document.ts';
import { machine } from './harness/machine.ts';
import { type Results, summarizeGroup } from './harness/results.ts';
import { measureRounds } from './harness/rounds.ts';
import { resultsTable } from './harness/table.ts';

interface RunOptions {
  readonly rounds: number;
  readonly duration: number;
  readonly cpus?: readonly [number, number];
  readonly busy: boolean;
  readonly output: 'table' | 'json';
  readonly document: boolean;
}

const RESULTS_DIR = join(import.meta.dirname, 'results');
const DOCUMENTS_DIR = join(import.meta.dirname, '../docs/benchmarks');

/** Each file of this folder but this one is a benchmark. */
function benchmarkNames(): string[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => basename(file, '.ts'))
    .sort();
}

async function run(name: string, what: string, options: RunOptions): Promise<void> {
  const { benchmark } = (await import(`./${name}.ts`)) as { benchmark: Benchmark };
  const startedAt = new Date().toISOString();
  const facts = machine();
  await using prepared = await benchmark.prepare({
    durationMs: options.duration,
    busy: options.busy,
    what,
    ...(options.cpus === undefined ? {} : { cpus: options.cpus }),
  });
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new Error('interrupted'));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const progress = process.stderr.isTTY;
  const groups = prepared.groups.filter((group) => group.name.includes(what));
  if (groups.length === 0) {
    const all = prepared.groups.map((group) => JSON.stringify(group.name)).join(', ');
    throw new Error(`no group of ${name} has ${JSON.stringify(what)} in its name; there are: ${all}`);
  }
  const count = benchmark.once === true ? 1 : options.rounds;
  const rounds = await measureRounds(groups, {
    rounds: count,
    warmUp: benchmark.once !== true,
    signal: interrupted.signal,
    onMeasure: (round, group, variant) => {
      const label = round === 0 ? 'warm-up' : `round ${round} of ${count}`;
      if (progress) process.stderr.write(`\r\u001b[K${label}: ${group}, ${variant}`);
    },
  });
  if (progress) process.stderr.write('\r\u001b[K');
  const results: Results = {
    benchmark: name,
    startedAt,
    rounds: count,
    settings: { durationMs: options.duration, busy: options.busy, ...prepared.settings },
    machine: facts,
    groups: rounds.map(summarizeGroup),
  };
  const file = keep(results);
  process.stdout.write(
    options.output === 'json' ? `${JSON.stringify(results, undefined, 2)}\n` : `${resultsTable(results)}\n`,
  );
  process.stderr.write(`raw figures: ${file}\n`);
  if (options.document) {
    const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`;
    process.stderr.write(`page: ${writeDocument(results, DOCUMENTS_DIR, command)}\n`);
  }
}

/** Appears complete or not at all: others may plot the folder while this runs. */
function keep(results: Results): string {
  mkdirSync(RESULTS_DIR, { recursive: true });
  const file = join(RESULTS_DIR, `${results.benchmark}-${results.startedAt.replaceAll(':', '-')}.json`);
  writeFileSync(`${file}.tmp`, `${JSON.stringify(results, undefined, 2)}\n`);
  renameSync(`${file}.tmp`, file);
  return file;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number of at least 1');
  return value;
}

function cpuPair(text: string): readonly [number, number] {
  const match = /^(\d+)(?:,(\d+))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('expected CPU or CPU,CPU');
  return [Number(match[1]), Number(match[2] ?? match[1])];
}

const program = new Command('bench')
  .description('Measures ratios. Variants alternate in one run; every figure has its spread.')
  .argument('<name>', `one of: ${benchmarkNames().join(', ')}`)
  .argument('[what]', 'only groups with this text in their name', '')
  .option('-r, --rounds <number>', 'rounds that count; one more warms up', positive, 5)
  .option('-d, --duration <ms>', 'length of one measurement', positive, 1000)
  .option(
    '--cpus <cpu,cpu>',
    "CPUs of the two peers; one number pins both to it (default: the benchmark's choice)",
    cpuPair,
  )
  .option('--busy', 'peers poll instead of sleeping', false)
  .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
  .option('--document', 'write docs/benchmarks/NAME.md and its figures', false)
  .action(async (name: string, what: string, options: RunOptions) => {
    if (!benchmarkNames().includes(name)) {
      program.error(`error: no benchmark ${JSON.stringify(name)}; there are: ${benchmarkNames().join(', ')}`, {
        exitCode: 2,
      });
    }
    if (options.document && what !== '') program.error('error: --document takes all groups', { exitCode: 2 });
    await run(name, what, options);
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
