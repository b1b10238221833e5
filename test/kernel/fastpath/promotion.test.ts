/** Who is promoted, what is counted, and what is left when all is over. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { type Flow, Outcome, Reader } from '../../../src/generated/abi.ts';
import { allNeed, needs } from '../../support/capabilities.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

/** Levels, names and values that setsockopt(2) takes. */
const OPTIONS = {
  SO_OOBINLINE: [1, 10, 1],
  SO_RCVLOWAT: [1, 18, 100],
  SO_ZEROCOPY: [1, 60, 1],
} as const;

describe('never promotes a socket', () => {
  const withOption = async (option: readonly number[]): Promise<void> => {
    await using sandbox = new Sandbox();
    await sandbox
      .pair({
        waits: ['level', 'none'],
        prepare: (_, server) => server.do('option', ...option),
        // SO_RCVLOWAT would hold the readiness of shorter messages back.
        warmUpRounds: 0,
      })
      .then(async ({ client, server }) => {
        await sandbox.rounds(client, server, 10, 200);
      });
    expect(sandbox.fastPath.count('REFUSED_OPTION')).toBe(1);
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
    expect(sandbox.fastPath.count('REFUSED_PEER')).toBeGreaterThan(0);
  };
  test.each(Object.entries(OPTIONS))('with %s', (_, option) => withOption(option));
  test('with SO_PEEK_OFF', needs('peek offset of TCP'), () => withOption([1, 42, 0]));

  test('whose option was taken back', async () => {
    await using sandbox = new Sandbox();
    const [level, name] = OPTIONS.SO_OOBINLINE;
    const prepare = async (_: unknown, server: { do(...words: (string | number)[]): Promise<unknown> }) => {
      await server.do('option', level, name, 1);
      await server.do('option', level, name, 0);
    };
    await sandbox.pair({ prepare });
    expect(sandbox.fastPath.count('REFUSED_OPTION')).toBe(1);
  });

  test('before it received as many segments as the settings say', async () => {
    await using sandbox = new Sandbox({ settings: { promoteAfterSegments: 1000 } });
    await sandbox.pair();
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
  });
});

test('shows a flow with exact counts while it lasts, and takes it away when it ends', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair({ warmUpRounds: 0 });
  await client.do('write', 700);
  await server.do('read', 700, 5000);
  await sandbox.rounds(client, server, 100, 10);
  const flows = sandbox.fastPath.flows();
  expect(flows).toHaveLength(2);
  const total = (flow: Flow): number => Number(flow.bytes.reduce((a, b) => a + b));
  const [answered, asked] = flows.sort((a, b) => total(a) - total(b)) as [Flow, Flow];
  // A promotion in the middle of a segment may count the SYN.
  expect(total(asked) - 1700).toBeOneOf([0, 1]);
  expect(total(answered) - 1000).toBeOneOf([0, 1]);
  expect(asked.key.localPort).toBe(answered.key.remotePort);
  expect(asked.peerCgroupId).toBe(answered.cgroupId);
  expect(asked.peerCookie).not.toBe(0n);
  expect(asked.messages[Outcome.REDIRECTED]).toBeGreaterThan(90n);
  for (const outcome of ['BEFORE_PROMOTION', 'UNLINKED', 'REDIRECTED'] as const) {
    const inFlows = flows.map((flow) => Number(flow.bytes[Outcome[outcome]])).reduce((a, b) => a + b);
    expect(inFlows, outcome).toBe(sandbox.fastPath.bytes(outcome));
  }
  await client.do('close');
  await server.do('close');
  await vi.waitFor(() => expect(sandbox.fastPath.flows()).toHaveLength(0));
  expect(sandbox.fastPath.count('CLOSED')).toBe(2);
});

test('leaves no flow of a connection that was reset', async () => {
  await using sandbox = new Sandbox();
  const { client } = await sandbox.pair();
  expect(sandbox.fastPath.flows()).toHaveLength(2);
  await client.do('reset');
  await vi.waitFor(() => expect(sandbox.fastPath.flows()).toHaveLength(0));
});

test('treats the sockets below a workload’s cgroup as the workload’s', async () => {
  await using sandbox = new Sandbox();
  sandbox.addCgroup('client/inner');
  // <cgroup2>/SANDBOX/client is two below the root.
  sandbox.fastPath.change({ workloadCgroupLevel: 2 });
  const { client, server } = await sandbox.pair({ groups: ['client/inner', 'server'] });
  await sandbox.rounds(client, server, 20);
  expect(sandbox.fastPath.count('LINKED')).toBe(1);
});

test('goes on for promoted sockets after it was unloaded, then leaves no program', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  const ids = sandbox.fastPath.programIds;
  expect(loadedPrograms()).toEqual(expect.arrayContaining([...ids]));
  sandbox.fastPath[Symbol.dispose]();
  await sandbox.rounds(client, server, 50);
  await client.do('close');
  await server.do('close');
  await sandbox[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(loadedPrograms().filter((id) => ids.includes(id))).toEqual([]), { timeout: 10_000 });
});

test('promotes a connection that is older than the membership of one end, within a few messages', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair({ groups: ['client', 'outside'] });
  await sandbox.rounds(client, server, 100);
  expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
  sandbox.fastPath.addMember(sandbox.cgroup('outside'), Reader.AUTO);
  for (let i = 0; i < 6; i++) await sandbox.rounds(client, server, 10);
  expect(sandbox.fastPath.count('LINKED')).toBe(1);
});

test('promotes a connection that was paused for long, within a few messages', async () => {
  await using sandbox = new Sandbox({ settings: { paused: 1 } });
  const { client, server } = await sandbox.pair();
  await sandbox.rounds(client, server, 2000);
  expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
  sandbox.fastPath.change({ paused: 0 });
  await sandbox.rounds(client, server, 10);
  expect(sandbox.fastPath.count('LINKED')).toBe(1);
});

function loadedPrograms(): number[] {
  const programs = JSON.parse(execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' })) as {
    id: number;
  }[];
  return programs.map(({ id }) => id);
}
