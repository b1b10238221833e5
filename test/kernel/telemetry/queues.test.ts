import { expect, test } from 'vitest';
import { cgroupId } from '../../../src/bpf/cgroup.ts';
import { type QueueRecord, Queues } from '../../../src/dataplane/queues.ts';
import type { Flow } from '../../../src/generated/abi.ts';
import { meanDelayMs } from '../../../src/telemetry/queue-sums.ts';
import { allNeed } from '../../support/capabilities.ts';
import { QUEUES_OBJECT } from '../../support/fastpath-fixture.ts';
import { patient } from '../../support/patience.ts';
import { Sandbox } from '../fastpath/sandbox.ts';

allNeed('fast path', 'length of a queue');

function open(sandbox: Sandbox): Queues {
  const queues = Queues.open({ mapPinDir: sandbox.fastPath.pinDir, object: QUEUES_OBJECT });
  if (queues === undefined) throw new Error('the fast path is not loaded');
  return queues;
}

/** The one of the client, and the most that waited in its peer's queue. */
function clientFlow(sandbox: Sandbox): { readonly cookie: bigint; readonly peak: () => number } {
  const id = cgroupId(sandbox.cgroup('client'));
  const [client, server] = [true, false].map((isClient) => () => {
    const found = sandbox.fastPath.flows().find((flow) => (flow.cgroupId === id) === isClient);
    if (found === undefined) throw new Error('the connection is not linked');
    return found;
  }) as [() => Flow, () => Flow];
  return { cookie: server().peerCookie, peak: () => client().queuedPeakBytes };
}

function of(records: readonly QueueRecord[], cookie: bigint): QueueRecord {
  const found = records.find((record) => record.cookie === cookie);
  if (found === undefined) throw new Error(`nothing is known of socket ${cookie}`);
  return found;
}

test('what was redirected is seen until it is read, and the most of it stays known', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  using queues = open(sandbox);
  const { cookie, peak } = clientFlow(sandbox);
  expect(of(queues.read(), cookie)).toMatchObject({ queuedBytes: 0, isOpen: true });
  const before = peak();
  await client.do('write', 1000);
  await client.do('write', 500);
  expect(of(queues.read(), cookie).queuedBytes).toBe(1500);
  expect([before, peak()]).toEqual([64, 1500]);
  await server.do('read', 1500, 1000);
  expect(of(queues.read(), cookie).queuedBytes).toBe(0);
  expect(peak()).toBe(1500);
});

test('the mean delay is the time that bytes waited', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  using queues = open(sandbox);
  const { cookie } = clientFlow(sandbox);
  queues.look();
  const startMs = performance.now();
  await client.do('write', 1000);
  let longestMs = 0;
  for (let last = startMs; last - startMs < patient(200); ) {
    await new Promise((next) => setTimeout(next, 5 + Math.random() * 5));
    queues.look();
    longestMs = Math.max(longestMs, performance.now() - last);
    last = performance.now();
  }
  const waitedMs = performance.now() - startMs;
  await server.do('read', 1000, 1000);
  const record = of(queues.read(), cookie);
  expect(record.measuredBytes).toBe(1000n);
  expect(Math.abs((meanDelayMs(record) ?? 0) - waitedMs)).toBeLessThan(2 * longestMs);
});

test('the mean delay of who asks and answers is a part of a round', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  using queues = open(sandbox);
  const { cookie } = clientFlow(sandbox);
  queues.look();
  const rounds = 10_000;
  const startMs = performance.now();
  let running = true;
  const asking = sandbox.rounds(client, server, rounds).finally(() => {
    running = false;
  });
  while (running) {
    await new Promise((next) => setTimeout(next, 1 + Math.random() * 2));
    queues.look();
  }
  await asking;
  const roundMs = (performance.now() - startMs) / rounds;
  const record = of(queues.read(), cookie);
  expect(record.measuredBytes).toBe(BigInt(rounds * 64));
  const delayMs = meanDelayMs(record) ?? 0;
  expect(delayMs).toBeGreaterThan(0);
  expect(delayMs).toBeLessThan(roundMs);
});

test('time between looks that are far apart is not measured', async () => {
  await using sandbox = new Sandbox();
  const { client } = await sandbox.pair();
  using queues = open(sandbox);
  const { cookie } = clientFlow(sandbox);
  queues.look();
  await client.do('write', 1000);
  await new Promise((next) => setTimeout(next, 2100));
  expect(of(queues.read(), cookie)).toMatchObject({ queuedBytes: 1000, measuredBytes: 0n, byteNs: 0n });
});

test('what closed is told once, with its sums', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  using queues = open(sandbox);
  const { cookie } = clientFlow(sandbox);
  queues.look();
  await sandbox.rounds(client, server, 10);
  queues.look();
  await client.do('close');
  await server.do('close');
  expect(of(queues.read(), cookie)).toMatchObject({ isOpen: false, measuredBytes: 640n });
  expect(queues.read()).toEqual([]);
});
