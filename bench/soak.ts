/**
 * Long runs of the authz filter that pass or fail: 10 million requests in the Node host of the SDK, where they are quick, and
 * 1,000 reloads under load in a real Envoy. The tests run both in short (test/filters/authz).
 */
import { manyRequests } from '../test/filters/support/many-requests.ts';
import { reloadUnderLoad } from '../test/filters/support/reloads.ts';
import type { Benchmark, Measurement } from './harness/benchmark.ts';

const REQUESTS = 10_000_000;
const RELOADS = 1000;
/** What Envoy itself may keep of a reload, kB; the VMs may keep nothing. */
const ENVOY_KB_PER_RELOAD = 4;

export const benchmark: Benchmark = {
  summary: 'fails unless memory is flat: authz over 10 million requests (Node host) and 1,000 reloads (Envoy)',
  once: true,
  prepare: async () => ({
    groups: [
      {
        name: `Node host, ${REQUESTS.toLocaleString('en')} requests`,
        metrics: [
          { name: 'memory of the VM after a tenth', unit: 'kB', digits: 0 },
          { name: 'memory of the VM at the end', unit: 'kB', digits: 0 },
          { name: 'time', unit: 's', digits: 0 },
        ],
        variants: [{ name: 'authz', measure: requests }],
      },
      {
        name: `Envoy, ${RELOADS.toLocaleString('en')} reloads`,
        metrics: [
          { name: 'memory of the VMs before', unit: 'kB', digits: 0 },
          { name: 'memory of the VMs at the end', unit: 'kB', digits: 0 },
          { name: "Envoy's own growth", unit: 'kB/reload', digits: 1 },
          { name: 'served meanwhile', unit: 'requests', digits: 0 },
          { name: 'time', unit: 's', digits: 0 },
        ],
        variants: [{ name: 'authz', measure: reloads }],
      },
    ],
    settings: { requests: REQUESTS, reloads: RELOADS },
    [Symbol.asyncDispose]: async () => {},
  }),
};

async function requests(): Promise<Measurement> {
  const start = performance.now();
  const { memoryKb, contexts, wrong } = manyRequests(REQUESTS);
  const first = memoryKb[0] ?? 0;
  expectNone('wrong verdicts', wrong);
  expectNone('contexts left', contexts - 2);
  expectNone('kB by which the VM grew', Math.max(...memoryKb) - first);
  return {
    values: {
      'memory of the VM after a tenth': first,
      'memory of the VM at the end': memoryKb.at(-1) ?? 0,
      time: seconds(start),
    },
    details: { memoryKb },
  };
}

async function reloads(): Promise<Measurement> {
  const start = performance.now();
  const facts = await reloadUnderLoad(RELOADS);
  const vmsKb = facts.memory.map((one) => one.vmsKb.reduce((sum, kb) => sum + kb, 0));
  const [, first = 0, ...later] = facts.memory.map(({ anonymousKb }) => anonymousKb);
  const growth = ((later.at(-1) ?? 0) - first) / (RELOADS * 0.9);
  expectNone('wrong verdicts', facts.wrong.length);
  expectNone('drained connections', facts.connections - facts.clients);
  expectNone('requests that are not counted', facts.requests - facts.counted);
  expectNone('kB by which VMs grew', Math.max(...vmsKb) - (vmsKb[0] ?? 0));
  if (growth > ENVOY_KB_PER_RELOAD)
    throw new Error(`Envoy grew by ${growth} kB a reload; expected at most ${ENVOY_KB_PER_RELOAD}`);
  return {
    values: {
      'memory of the VMs before': vmsKb[0] ?? 0,
      'memory of the VMs at the end': vmsKb.at(-1) ?? 0,
      "Envoy's own growth": growth,
      'served meanwhile': facts.requests,
      time: seconds(start),
    },
    details: { memory: facts.memory },
  };
}

function expectNone(what: string, count: number): void {
  if (count !== 0) throw new Error(`${what}: ${count}; expected none`);
}

function seconds(start: number): number {
  return (performance.now() - start) / 1000;
}
