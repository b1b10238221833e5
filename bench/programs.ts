/**
 * Real servers and clients, in two namespaces of one node, without the fast path and with it. Not pinned: they are what
 * they are. A program that is not installed is left out, and said to be.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Reader } from '../src/generated/abi.ts';
import { BenchContext, difference, type Network, redirectedShare, SHARE } from './fastpath/bench-context.ts';
import { lazy } from './fastpath/lazy.ts';
import { PlacedServer, runPlaced } from './fastpath/placed-process.ts';
import type { Benchmark, BenchmarkOptions, Group, Measurement, Metric, Prepared } from './harness/benchmark.ts';
import { type Load, pgbenchLoad, pgbenchPrepare, redisLoad, wrkLoad } from './programs/load.ts';
import { go, nginx, node, postgres, redis, type Server } from './programs/server.ts';

const METRICS: readonly Metric[] = [
  { name: 'requests', unit: '1/s', digits: 0 },
  { name: 'CPU', unit: 'us/request, both programs', digits: 2 },
  { name: 'p50', unit: 'us', digits: 0 },
  SHARE,
];

const LOADS: readonly (readonly [Server, Load])[] = [
  [redis, redisLoad(1)],
  [redis, redisLoad(16)],
  [postgres, pgbenchLoad],
  [node, wrkLoad('small')],
  [node, wrkLoad('large')],
  [go, wrkLoad('small')],
  [go, wrkLoad('large')],
  [nginx, wrkLoad('small')],
  [nginx, wrkLoad('large')],
];
/** Beyond the length of a measurement: servers that are slow at the first request. */
const PATIENCE_MS = 60_000;

export const benchmark: Benchmark = {
  summary: 'Redis, PostgreSQL, nginx, Node and Go with their benchmarks, with and without the fast path',
  prepare,
};

async function prepare(options: BenchmarkOptions): Promise<Prepared> {
  const context = new BenchContext(options);
  const starts = new Map<string, () => Promise<unknown>>();
  const start = async (server: Server, network: Network): Promise<void> => {
    const key = `${server.name} ${network.pair.cgroup}`;
    const first = starts.get(key) ?? lazy(() => startServer(context, server, network));
    starts.set(key, first);
    await first();
  };
  const measure = async (server: Server, load: Load, network: Network): Promise<Measurement> => {
    await start(server, network);
    return measureLoad(server, load, network, options.durationMs);
  };
  const group = (server: Server, load: Load): Group => ({
    name: `${server.name}: ${load.name}`,
    metrics: METRICS,
    variants: [
      { name: 'without', measure: async () => measure(server, load, await context.plain()) },
      { name: 'with shunt', measure: async () => measure(server, load, await context.fast(readers(server))) },
    ],
  });
  const groups = LOADS.filter(([server]) => isInstalled(server)).map(([server, load]) => group(server, load));
  return { groups, settings: context.settings, [Symbol.asyncDispose]: () => context[Symbol.asyncDispose]() };
}

function isInstalled(server: Server): boolean {
  const why = server.missing();
  if (why !== undefined) process.stderr.write(`left out: ${server.name}: ${why}\n`);
  return why === undefined;
}

function readers({ isGreedy }: Server): { readonly reader?: typeof Reader.GREEDY } {
  return isGreedy === true ? { reader: Reader.GREEDY } : {};
}

async function startServer(context: BenchContext, server: Server, { pair }: Network): Promise<void> {
  const command = server.command(context.directory(server.name));
  context.use(await PlacedServer.start(pair.first, command, server.port));
  if (server === postgres) await runPlaced(pair.second, pgbenchPrepare(pair.firstIp, server.port), PATIENCE_MS);
}

async function measureLoad(
  server: Server,
  load: Load,
  { pair, fastPath }: Network,
  durationMs: number,
): Promise<Measurement> {
  const sentBefore = fastPath?.sentBytes() ?? {};
  const cpuBefore = cpuUs(pair.cgroup);
  const startedMs = performance.now();
  const output = await runPlaced(pair.second, load.command(pair.firstIp, server.port, durationMs), PATIENCE_MS);
  const tookS = (performance.now() - startedMs) / 1000;
  const { perSecond, p50Us, requests = perSecond * tookS } = load.parse(output);
  const sent = difference(fastPath?.sentBytes() ?? {}, sentBefore);
  return {
    values: {
      requests: perSecond,
      CPU: (cpuUs(pair.cgroup) - cpuBefore) / requests,
      p50: p50Us,
      [SHARE.name]: redirectedShare(sent),
    },
    details: { sent, output },
  };
}

/** Time of the processors that the cgroup's processes took since it was made. */
function cpuUs(cgroup: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(cgroup, 'cpu.stat'), 'utf8'))?.[1]);
}
