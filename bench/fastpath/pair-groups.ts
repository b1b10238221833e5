/** The same two programs over TCP, over TCP with the fast path, and over a unix socket, which is what one would use if one could. */
import type { Group, Measurement, Metric, Variant } from '../harness/benchmark.ts';
import { type BenchContext, mustBeUsed, type Network, type Path, redirectedShare, SHARE } from './bench-context.ts';
import type { FastPath } from './fast-path.ts';
import type { RoundTrips, Stream } from './peers.ts';

const MESSAGE_BYTES = 64;
const BLOCK_BYTES = 256 * 1024;

type Mode = 'rr' | 'stream';

const ROUND_TRIP_METRICS: readonly Metric[] = [
  { name: 'p50', unit: 'us', digits: 2 },
  { name: 'p99', unit: 'us', digits: 2 },
  { name: 'requests', unit: '1/s', digits: 0 },
  { name: 'CPU', unit: 'us/request', digits: 2 },
  SHARE,
];
export const STREAM_METRICS: readonly Metric[] = [
  { name: 'rate', unit: 'Gbit/s', digits: 1 },
  // What the rate would be if nobody else used the processor: the figure to look at on a busy machine.
  { name: 'rate of CPU time', unit: 'Gbit/s', digits: 1 },
  SHARE,
];

export function pairGroups(context: BenchContext): Group[] {
  const measureOn = async (
    network: Network,
    mode: Mode,
    path: Path,
    protocol: 'tcp' | 'unix' = 'tcp',
  ): Promise<Measurement> => {
    const sizeBytes = mode === 'rr' ? MESSAGE_BYTES : BLOCK_BYTES;
    const { client, server, sent } = await context.run(network, { mode, path, protocol, sizeBytes });
    const values =
      mode === 'rr'
        ? roundTripValues(client as RoundTrips, server.cpu_ns, server.messages ?? 0)
        : streamValues(client as Stream, server.cpu_ns);
    return { values: { ...values, [SHARE.name]: redirectedShare(sent) }, details: { client, server, sent } };
  };
  const variants = (mode: Mode, path: Path): [Variant, ...Variant[]] => {
    const paused: Variant = {
      name: 'fast path, paused',
      measure: async () => {
        const fast = await context.fast();
        return withPause(fast.fastPath, () => measureOn(fast, mode, path));
      },
    };
    return [
      { name: 'TCP', measure: async () => measureOn(await context.plain(), mode, path) },
      { name: 'fast path', measure: async () => mustBeUsed(await measureOn(await context.fast(), mode, path)) },
      ...(mode === 'rr' ? [paused] : []),
      { name: 'unix socket', measure: async () => measureOn(await context.plain(), mode, path, 'unix') },
    ];
  };
  return (['rr', 'stream'] as const).flatMap((mode) =>
    (['veth', 'lo'] as const).map((path) => ({
      name: `${mode === 'rr' ? '64 B request/response' : '256 KiB stream'}, ${path}`,
      metrics: mode === 'rr' ? ROUND_TRIP_METRICS : STREAM_METRICS,
      variants: variants(mode, path),
    })),
  );
}

/** Of both peers together, for each request. */
export function cpuPerRequestUs(client: { cpu_ns: number }, requests: number, cpuNs: number, served: number): number {
  return (client.cpu_ns / requests + cpuNs / served) / 1000;
}

function roundTripValues(client: RoundTrips, cpuNs: number, served: number): Record<string, number> {
  return {
    p50: client.p50_ns / 1000,
    p99: client.p99_ns / 1000,
    requests: client.per_second,
    CPU: cpuPerRequestUs(client, client.messages, cpuNs, served),
  };
}

/** Of both peers together, for each nanosecond of processor time or of the clock. */
export function streamValues(client: Stream, cpuNs: number): Record<string, number> {
  return {
    rate: (client.bytes_per_second * 8) / 1e9,
    'rate of CPU time': (client.bytes * 8) / (client.cpu_ns + cpuNs),
  };
}

async function withPause<T>(fastPath: FastPath | undefined, run: () => Promise<T>): Promise<T> {
  fastPath?.pause(true);
  try {
    return await run();
  } finally {
    fastPath?.pause(false);
  }
}
