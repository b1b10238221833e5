/**
 * A client that asks as fast as the answers come, on connections that it keeps: `start.ts` runs it as a workload to compare
 * the fast path on and paused. For each line on standard input, a number of milliseconds, it measures that long and writes
 * one JSON line. Environment: METER_URL (default http://api/items/1), METER_CONNECTIONS (4). Ends with its input.
 */

import { createHistogram } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { Client } from 'undici';
import type { MeterReport } from './start/measurement.ts';

const url = new URL(process.env.METER_URL ?? 'http://api/items/1');
const connections = Number(process.env.METER_CONNECTIONS ?? 4);
/** A Client has one connection: none of them is idle while another is used. */
const clients = Array.from({ length: connections }, () => new Client(url.origin, { keepAliveTimeout: 600_000 }));

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await measure(Number(line)))}\n`);
}
await Promise.all(clients.map((client) => client.destroy()));

async function measure(durationMs: number): Promise<MeterReport> {
  const micros = createHistogram();
  let failed = 0;
  const startMs = performance.now();
  const ask = async (client: Client): Promise<void> => {
    while (performance.now() - startMs < durationMs) {
      const sentMs = performance.now();
      const response = await client.request({ method: 'GET', path: url.pathname });
      await response.body.text();
      if (response.statusCode !== 200) failed += 1;
      micros.record(Math.max(1, Math.round((performance.now() - sentMs) * 1000)));
    }
  };
  await Promise.all(clients.map(ask));
  const seconds = (performance.now() - startMs) / 1000;
  return {
    requests: micros.count,
    failed,
    perSecond: micros.count / seconds,
    p50Ms: micros.percentile(50) / 1000,
    p99Ms: micros.percentile(99) / 1000,
  };
}
