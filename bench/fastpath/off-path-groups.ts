/** What those pay who gain nothing: traffic that is never redirected, where the programs are attached and where they are not. */
import type { Group, Measurement, Metric } from '../harness/benchmark.ts';
import type { BenchContext, Network, PeersWork } from './bench-context.ts';
import { cpuPerRequestUs } from './pair-groups.ts';
import type { Connections, RoundTrips } from './peers.ts';

const SIZE_BYTES = 64;

const METRICS: readonly Metric[] = [
  { name: 'p50', unit: 'us', digits: 2 },
  // Steadier than the time on the clock where others use the processors too.
  { name: 'CPU', unit: 'us/request', digits: 3 },
];

type Work = Omit<PeersWork, 'sizeBytes'>;

const WORKS: Readonly<Record<string, Work>> = {
  'off-path: UDP': { mode: 'rr', path: 'veth', protocol: 'udp' },
  'off-path: TCP to one that is no member': { mode: 'rr', path: 'veth', isServerOutside: true },
  'off-path: TCP of blocking programs': { mode: 'rr', path: 'veth', blocking: true },
  'short: connections of one request, veth': { mode: 'short', path: 'veth' },
  'short: connections of one request, lo': { mode: 'short', path: 'lo' },
};

export function offPathGroups(context: BenchContext): Group[] {
  return Object.entries(WORKS).map(([name, work]) => ({
    name,
    metrics: METRICS,
    variants: [
      { name: 'without', measure: async () => measureOn(context, await context.plain(), work) },
      { name: 'with shunt', measure: async () => measureOn(context, await context.fast(), work) },
    ],
  }));
}

async function measureOn(context: BenchContext, network: Network, work: Work): Promise<Measurement> {
  const { client, server, sent } = await context.run(network, { ...work, sizeBytes: SIZE_BYTES });
  if ((sent.REDIRECTED ?? 0) > 0) throw new Error(`bytes took the fast path: ${JSON.stringify(sent)}`);
  const times = client as RoundTrips | Connections;
  const requests = 'connections' in times ? times.connections : times.messages;
  const served = server.connections ?? server.messages ?? 0;
  const CPU = cpuPerRequestUs(times, requests, server.cpu_ns, served);
  return { values: { p50: times.p50_ns / 1000, CPU }, details: { client, server, sent } };
}
