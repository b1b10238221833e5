/** Is there a size of message at which a stream is better off with TCP? On lo, where TCP is at its best. */
import type { Group, Measurement } from '../harness/benchmark.ts';
import { type BenchContext, type Network, redirectedShare, SHARE } from './bench-context.ts';
import { STREAM_METRICS, streamValues } from './pair-groups.ts';
import type { Stream } from './peers.ts';

const SIZES_BYTES = [64, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576] as const;
/** There are many points. */
const DURATION_MS = 300;

export function blockGroups(context: BenchContext): Group[] {
  const measureOn = async (network: Network, sizeBytes: number): Promise<Measurement> => {
    const work = { mode: 'stream', path: 'lo', sizeBytes, durationMs: DURATION_MS } as const;
    const { client, server, sent } = await context.run(network, work);
    const values = { ...streamValues(client as Stream, server.cpu_ns), [SHARE.name]: redirectedShare(sent) };
    return { values, details: { client, server, sent } };
  };
  return SIZES_BYTES.map((sizeBytes) => ({
    name: `blocks: stream of ${sizeBytes} bytes each, lo`,
    metrics: STREAM_METRICS,
    point: { curve: 'Rate of a stream, by the size of its messages', x: sizeBytes, axis: 'bytes of a message' },
    variants: [
      { name: 'TCP', measure: async () => measureOn(await context.plain(), sizeBytes) },
      { name: 'fast path', measure: async () => measureOn(await context.fast(), sizeBytes) },
    ],
  }));
}
