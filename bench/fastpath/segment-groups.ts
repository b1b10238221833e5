/** After how many segments should a connection be promoted? The time of a whole connection, by how many requests it is for. */
import type { Group, Measurement, Metric } from '../harness/benchmark.ts';
import { type BenchContext, type Network, redirectedShare, SHARE } from './bench-context.ts';
import type { Connections } from './peers.ts';

const SEGMENTS = [4, 8, 16, 32] as const;
const REQUESTS = [1, 2, 4, 8, 16, 32, 64, 128, 512] as const;
const SIZE_BYTES = 64;
/** There are many points, and each measures thousands of connections. */
const DURATION_MS = 250;

const METRICS: readonly Metric[] = [
  { name: 'p50', unit: 'us/connection', digits: 1 },
  { name: 'CPU', unit: 'us/connection', digits: 1 },
  SHARE,
];

export function segmentGroups(context: BenchContext): Group[] {
  const measureOn = async (network: Network, requests: number): Promise<Measurement> => {
    const work = { mode: 'short', path: 'veth', sizeBytes: SIZE_BYTES, requests, durationMs: DURATION_MS } as const;
    const { client, server, sent } = await context.run(network, work);
    const { connections, p50_ns, cpu_ns } = client as Connections;
    const CPU = (cpu_ns / connections + server.cpu_ns / (server.connections ?? connections)) / 1000;
    return {
      values: { p50: p50_ns / 1000, CPU, [SHARE.name]: redirectedShare(sent) },
      details: { client, server, sent },
    };
  };
  return REQUESTS.map((requests) => ({
    name: `segments: connections of ${requests} request${requests === 1 ? '' : 's'}`,
    metrics: METRICS,
    point: { curve: 'Time of a connection, by promoteAfterSegments', x: requests, axis: 'requests of the connection' },
    variants: [
      { name: 'TCP', measure: async () => measureOn(await context.plain(), requests) },
      ...SEGMENTS.map((segments) => ({
        name: `N = ${segments}`,
        measure: async () => measureOn(await context.fast({ settings: { promoteAfterSegments: segments } }), requests),
      })),
    ],
  }));
}
