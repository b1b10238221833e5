import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COUNTER_NAMES } from '../../../src/dataplane/counters.ts';
import { type MetricsSnapshot, metricsOf } from '../../../src/telemetry/metrics.ts';
import { counts } from './records.ts';

const MEMORY = { pssBytes: 1000, anonymousBytes: 600 };
/** Each of the kernel's counters has a value of its own. */
const SNAPSHOT: MetricsSnapshot = {
  startedAtMs: 1_700_000_000_500,
  counters: Object.fromEntries([...COUNTER_NAMES].map(([index, name]) => [name, BigInt(70_000 + index)])),
  fastPath: 'paused',
  pairs: [
    {
      key: '1>2',
      from: 'default/a',
      to: 'envoy',
      open: 3,
      queuedPeakBytes: 17,
      messages: counts({ REDIRECTED: 9 }),
      bytes: counts({ REDIRECTED: 90, CREDIT: 10 }),
    },
    {
      key: '1>0',
      queuedPeakBytes: 0,
      from: 'default/a',
      to: undefined,
      open: 1,
      messages: counts({}),
      bytes: counts({ UNLINKED: 5 }),
    },
  ],
  queues: new Map([['1>2', { bytes: 11, byteNs: 1_500_000_000n, measuredBytes: 300n }]]),
  programs: { redirect: { runs: 4n, runTimeNs: 2_500_000_000n } },
  memory: { supervisor: MEMORY, envoy: { pssBytes: 2000, anonymousBytes: 1200 } },
  envoy: { ready: true, restarts: 2 },
  workloads: [{ key: 'default/a', running: true, restarts: 5, memory: MEMORY }],
  problems: 1,
};

const text = await metricsOf(SNAPSHOT).metrics();
const json = await metricsOf(SNAPSHOT).getMetricsAsJSON();

describe('metrics', () => {
  it('hold every counter of the kernel, once', () => {
    const values = [...text.matchAll(/^shunt_\S+ (\d+)$/gm)].map(([, value]) => Number(value));
    for (const [index, name] of COUNTER_NAMES) {
      expect(
        values.filter((value) => value === 70_000 + index),
        name,
      ).toHaveLength(1);
    }
  });

  it('follow the conventions: prefix, base units, _total for counters alone, a help text', () => {
    expect(json.length).toBeGreaterThan(20);
    for (const { name, type, help } of json) {
      expect(name).toMatch(/^shunt_[a-z]+(_[a-z]+)*$/);
      expect(name).not.toMatch(/(_ms|_ns|_kib|_percent|_count)(_|$)/);
      expect(name.endsWith('_total'), name).toBe(String(type) === 'counter');
      expect(help.length, name).toBeGreaterThan(15);
    }
  });

  it.each([
    'shunt_fast_path_state{state="paused"} 1',
    'shunt_fast_path_state{state="on"} 0',
    'shunt_pair_sent_bytes_total{source="default/a",destination="envoy",outcome="redirected"} 90',
    'shunt_pair_fast_path_ratio{source="default/a",destination="envoy"} 0.9',
    'shunt_pair_promoted_sockets{source="default/a",destination="envoy"} 3',
    'shunt_pair_queue_bytes{source="default/a",destination="envoy"} 11',
    'shunt_pair_queue_peak_bytes{source="default/a",destination="envoy"} 17',
    'shunt_pair_queue_byte_seconds_total{source="default/a",destination="envoy"} 1.5',
    'shunt_pair_queue_measured_bytes_total{source="default/a",destination="envoy"} 300',
    'shunt_memory_proportional_bytes{component="envoy"} 2000',
    'shunt_envoy_restarts_total 2',
    'shunt_workload_restarts_total{workload="default/a"} 5',
    'shunt_bpf_program_run_seconds_total{program="redirect"} 2.5',
    'shunt_supervisor_start_time_seconds 1700000000.5',
  ])('say %s', (line) => {
    expect(text.split('\n')).toContain(line);
  });

  it('name no pair of which one end is not known', () => {
    expect(text).not.toMatch(/undefined|destination="\?"/);
  });

  it('can be made of nothing', async () => {
    const empty = await metricsOf({ ...SNAPSHOT, counters: {}, pairs: [], programs: {}, workloads: [] }).metrics();
    expect(empty).toContain('shunt_problems 1');
  });

  it('are those of docs/telemetry.md, both ways', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/telemetry.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `(shunt_[a-z_]+)`/gm)].map(([, name]) => name);
    expect(documented.sort()).toEqual(json.map(({ name }) => name).sort());
  });
});
