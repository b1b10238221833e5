import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cgroupId } from '../../../src/bpf/cgroup.ts';
import { withDescriptorOf } from '../../../src/bpf/socket.ts';
import { Queues } from '../../../src/dataplane/queues.ts';
import { Counter, Outcome, Phase, Reader } from '../../../src/generated/abi.ts';
import { allNeed, has, needs } from '../../support/capabilities.ts';
import { QUEUES_OBJECT } from '../../support/fastpath-fixture.ts';
import { Sandbox } from '../fastpath/sandbox.ts';
import { lookIn } from './look.ts';

allNeed('fast path');

const SO_RCVLOWAT = 18;
const SOL_SOCKET = 1;

test('a promoted socket says with whom it is linked and since when', async () => {
  const beforeNs = process.hrtime.bigint();
  await using sandbox = new Sandbox();
  await sandbox.pair();
  const client = lookIn(sandbox.cgroup('client'), sandbox.fastPath);
  const server = lookIn(sandbox.cgroup('server'), sandbox.fastPath);
  expect(client.state).toMatchObject({ phase: Phase.LINKED, refusal: 0, vetoed: 0, peerCookie: server.cookie });
  expect(server.state).toMatchObject({ phase: Phase.LINKED, refusal: 0, vetoed: 0, peerCookie: client.cookie });
  expect(client.segmentsIn).toBeGreaterThanOrEqual(4);
  expect(client).toMatchObject({ protocol: 'tcp', nonBlocking: true });
  for (const { state } of [client, server]) {
    expect(state?.sinceNs).toBeGreaterThan(beforeNs);
    expect(state?.sinceNs).toBeLessThan(process.hrtime.bigint());
  }
});

test.each([
  ['edge', 'REFUSED_EDGE', 'READER_EDGE'],
  ['none', 'REFUSED_WAITING', 'READER_UNKNOWN'],
] as const)(
  'a socket whose reader waits by %s keeps the reason, and its peer gets it',
  async (how, refusal, outcome) => {
    await using sandbox = new Sandbox();
    await sandbox.pair({ waits: ['level', how], warmUpRounds: 40 });
    const server = lookIn(sandbox.cgroup('server'), sandbox.fastPath);
    expect(server.state).toMatchObject({ phase: Phase.NEW, refusal: Counter[refusal] });
    const client = lookIn(sandbox.cgroup('client'), sandbox.fastPath);
    expect(client.state).toMatchObject({
      phase: Phase.NEW,
      refusal: Counter.REFUSED_PEER,
      peerRefusal: Outcome[outcome],
      peerCgroupId: server.state?.cgroupId,
    });
    expect(sandbox.fastPath.flows()).toEqual([]);
  },
);

test('the time of a refusal stays as long as its reason, and changes with the promotion', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair({ waits: ['level', 'edge'], warmUpRounds: 20 });
  const first = lookIn(sandbox.cgroup('server'), sandbox.fastPath).state;
  await sandbox.rounds(client, server, 80);
  const second = lookIn(sandbox.cgroup('server'), sandbox.fastPath).state;
  expect(second?.lookAgainSegments).toBeGreaterThan(first?.lookAgainSegments ?? 0);
  expect(second?.sinceNs).toBe(first?.sinceNs);
  await server.do('wait', 'level');
  await sandbox.rounds(client, server, 400);
  const third = lookIn(sandbox.cgroup('server'), sandbox.fastPath).state;
  expect(third).toMatchObject({ phase: Phase.LINKED, refusal: 0 });
  expect(third?.sinceNs).toBeGreaterThan(second?.sinceNs ?? 0n);
});

test('a vetoed socket names the option', async () => {
  await using sandbox = new Sandbox();
  await sandbox.pair({ prepare: (_, server) => server.do('option', SOL_SOCKET, SO_RCVLOWAT, 1), warmUpRounds: 40 });
  const { state } = lookIn(sandbox.cgroup('server'), sandbox.fastPath);
  expect(state).toMatchObject({ phase: Phase.REFUSED, refusal: Counter.REFUSED_OPTION, vetoed: SO_RCVLOWAT });
});

test('nothing is known of a socket outside of all members', async () => {
  await using sandbox = new Sandbox();
  await sandbox.pair({ groups: ['client', 'outside'] });
  expect(lookIn(sandbox.cgroup('outside'), sandbox.fastPath).state).toBeUndefined();
});

test('a look leaves no descriptor open, and says when process or descriptor are gone', async () => {
  await using sandbox = new Sandbox();
  await sandbox.pair();
  const { pid, fd } = lookIn(sandbox.cgroup('server'), sandbox.fastPath);
  const before = readdirSync('/proc/self/fd').length;
  expect(() =>
    withDescriptorOf(pid, fd, () => {
      throw new Error('thrown by the caller');
    }),
  ).toThrow('thrown by the caller');
  expect(withDescriptorOf(pid, 9999, () => true)).toBeUndefined();
  expect(withDescriptorOf(2 ** 22, 0, () => true)).toBeUndefined();
  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
});

test('what a connection sent is added to its pair when it closes', async () => {
  await using sandbox = new Sandbox({ server: Reader.AUTO });
  const { client, server } = await sandbox.pair();
  await sandbox.rounds(client, server, 50);
  const flows = sandbox.fastPath.flows();
  expect(flows).toHaveLength(2);
  expect(sandbox.fastPath.pairs()).toEqual([]);
  await client.do('close');
  await server.do('close');
  expect(sandbox.fastPath.flows()).toEqual([]);
  const expected = flows.map(({ cgroupId, peerCgroupId, messages, bytes }) => [
    { cgroupId, peerCgroupId },
    { messages, bytes },
  ]);
  const byCgroup = (a: unknown[], b: unknown[]): number =>
    Number((a[0] as { cgroupId: bigint }).cgroupId - (b[0] as { cgroupId: bigint }).cgroupId);
  expect(sandbox.fastPath.pairs().sort(byCgroup)).toEqual(expected.sort(byCgroup));
  const again = await sandbox.pair();
  await again.client.do('close');
  await again.server.do('close');
  expect(sandbox.fastPath.pairs()).toHaveLength(2);
  const sent = sandbox.fastPath.pairs().reduce((sum, [, { bytes }]) => sum + bytes.reduce((a, b) => a + b, 0n), 0n);
  expect(sent).toBe(BigInt(2 * 64 * (20 + 50 + 20)));
});

test('bytes that went by TCP are those that TCP took, also where it took a message in parts', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  sandbox.fastPath.change({ paused: 1 });
  const bytes = 8 * 1024 * 1024;
  await Promise.all([server.do('read', bytes, 10_000), client.do('write-all', bytes, 10_000)]);
  // The sums are right again with the next message.
  await sandbox.rounds(client, server, 1);
  const [flow] = sandbox.fastPath.flows().filter((one) => one.cgroupId === cgroupId(sandbox.cgroup('client')));
  expect(flow?.bytes.reduce((a, b) => a + b, 0n)).toBe(BigInt(20 * 64 + bytes + 64));
  const counted = Object.keys(Outcome).filter((name) => name !== 'COUNT') as Exclude<keyof typeof Outcome, 'COUNT'>[];
  expect(counted.reduce((sum, name) => sum + sandbox.fastPath.bytes(name), 0)).toBe(2 * 21 * 64 + bytes);
});

// `up` asks for a kernel that has all that capture needs; older ones lack bpf_for_each_map_elem().
test(
  'a look at the queues finds nothing where the kernel does not count, and fails nowhere',
  needs('capture'),
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.pair();
    using queues = Queues.open({ mapPinDir: sandbox.fastPath.pinDir, object: QUEUES_OBJECT });
    expect(queues?.look()).toBe(has('length of a queue') ? 2 : 0);
    expect(queues?.read()).toHaveLength(has('length of a queue') ? 2 : 0);
  },
);
