/**
 * What the fast path is worth between two processes of one node, without any proxy: the same two C programs over TCP,
 * over TCP with the fast path, and over a unix socket, which is what one would use if one could.
 *
 * Both peers are pinned to one CPU unless told otherwise: then a wake-up costs a context switch and no idle state, and
 * the figures show the path and not the scheduler.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FastPath } from './fastpath/fast-path.ts';
import { NetnsPair } from './fastpath/netns-pair.ts';
import { type Address, type Mode, type Place, runPeers } from './fastpath/peers.ts';
import type {
  Benchmark,
  BenchmarkOptions,
  Group,
  Measurement,
  Metric,
  Prepared,
  Variant,
} from './harness/benchmark.ts';

const WARM_UP_MS = 200;
const MESSAGE_BYTES = 64;
const BLOCK_BYTES = 256 * 1024;
const PORT = 9400;

const SHARE: Metric = { name: 'fast path', unit: '% of bytes', digits: 1, compare: false };
const RR_METRICS: readonly Metric[] = [
  { name: 'p50', unit: 'us', digits: 2 },
  { name: 'p99', unit: 'us', digits: 2 },
  { name: 'requests', unit: '1/s', digits: 0 },
  SHARE,
];
const STREAM_METRICS: readonly Metric[] = [{ name: 'rate', unit: 'Gbit/s', digits: 1 }, SHARE];

export const benchmark: Benchmark = {
  summary: 'two peers over TCP, the fast path and a unix socket: 64 B request/response, 256 KiB stream',
  prepare,
};

async function prepare(options: BenchmarkOptions): Promise<Prepared> {
  await using undo = new AsyncDisposableStack();
  const name = `shunt-bench-${process.pid}`;
  // Two pairs: what TCP costs must be measured where no program of ours is attached at all.
  const plain = undo.use(await NetnsPair.create(`${name}-plain`));
  const fast = undo.use(await NetnsPair.create(`${name}-fast`));
  const fastPath = undo.use(FastPath.attach(fast));
  const directory = mkdtempSync(join(tmpdir(), `${name}-`));
  undo.defer(() => rmSync(directory, { recursive: true, force: true }));

  const last = cpus().length - 1;
  const [serverCpu, clientCpu] = options.cpus ?? [last, last];
  const measureOn = (pair: NetnsPair, mode: Mode, address: Address, client: Omit<Place, 'cpu'>): Promise<Measurement> =>
    measure(fastPath, {
      mode,
      address,
      sizeBytes: mode === 'rr' ? MESSAGE_BYTES : BLOCK_BYTES,
      warmUpMs: WARM_UP_MS,
      durationMs: options.durationMs,
      busy: options.busy,
      server: { ...pair.first, cpu: serverCpu },
      client: { ...client, cpu: clientCpu },
    });

  /** `veth`: the peers are in two namespaces. `lo`: in one. */
  const variants = (mode: Mode, path: 'veth' | 'lo'): [Variant, ...Variant[]] => {
    const ip = path === 'lo' ? '127.0.0.1' : plain.firstIp;
    const tcp: Address = { kind: 'tcp', ip, port: PORT };
    const on = (pair: NetnsPair): Promise<Measurement> =>
      measureOn(pair, mode, tcp, path === 'lo' ? pair.first : pair.second);
    const paused: Variant = {
      name: 'fast path, paused',
      measure: () => withPause(fastPath, () => on(fast)),
    };
    return [
      { name: 'TCP', measure: () => on(plain) },
      { name: 'fast path', measure: async () => mustBeUsed(await on(fast)) },
      ...(mode === 'rr' ? [paused] : []),
      {
        name: 'unix socket',
        measure: () => measureOn(plain, mode, { kind: 'unix', path: join(directory, 'socket') }, plain.second),
      },
    ];
  };
  const group = (mode: Mode, path: 'veth' | 'lo'): Group => ({
    name: `${mode === 'rr' ? '64 B request/response' : '256 KiB stream'}, ${path}`,
    metrics: mode === 'rr' ? RR_METRICS : STREAM_METRICS,
    variants: variants(mode, path),
  });

  const owned = undo.move();
  return {
    groups: [group('rr', 'veth'), group('rr', 'lo'), group('stream', 'veth'), group('stream', 'lo')],
    settings: { serverCpu, clientCpu, warmUpMs: WARM_UP_MS, ...fastPath.settings },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function measure(fastPath: FastPath, peers: Parameters<typeof runPeers>[0]): Promise<Measurement> {
  const before = fastPath.sentBytes();
  const { client, server } = await runPeers(peers);
  const outcomes = difference(fastPath.sentBytes(), before);
  const sent = Object.values(outcomes).reduce((sum, bytes) => sum + bytes, 0);
  const share = sent === 0 ? 0 : ((outcomes.REDIRECTED ?? 0) / sent) * 100;
  const values =
    'p50_ns' in client
      ? { p50: client.p50_ns / 1000, p99: client.p99_ns / 1000, requests: client.per_second }
      : { rate: (client.bytes_per_second * 8) / 1e9 };
  return { values: { ...values, [SHARE.name]: share }, details: { client, server, sentBytes: outcomes } };
}

async function withPause<T>(fastPath: FastPath, run: () => Promise<T>): Promise<T> {
  fastPath.pause(true);
  try {
    return await run();
  } finally {
    fastPath.pause(false);
  }
}

/** A row named `fast path` that measured TCP would be a lie. */
function mustBeUsed(measurement: Measurement): Measurement {
  const share = measurement.values[SHARE.name] ?? 0;
  if (share > 0) return measurement;
  throw new Error(`no byte took the fast path: ${JSON.stringify(measurement.details?.sentBytes)}`);
}

function difference(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  const pairs = Object.entries(after).map(([name, bytes]) => [name, bytes - (before[name] ?? 0)] as const);
  return Object.fromEntries(pairs.filter(([, bytes]) => bytes > 0));
}
