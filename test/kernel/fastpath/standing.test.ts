/** What changes after a connection was promoted: pauses, policy, options, O_NONBLOCK. */
import { describe, expect, test } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed, needs } from '../../support/capabilities.ts';
import { waitFor } from '../../support/mesh.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const ROUNDS = 20;
const SOL_SOCKET = 1;
const SOL_TCP = 6;
const SO_RCVLOWAT = 18;
const SO_PEEK_OFF = 42;

/** Messages of `act`, by outcome. */
async function outcomesOf(sandbox: Sandbox, act: () => Promise<unknown>): Promise<Record<string, number>> {
  const before: Record<string, number> = sandbox.fastPath.outcomes();
  await act();
  const after = Object.entries(sandbox.fastPath.outcomes()).map(([name, count]) => [name, count - (before[name] ?? 0)]);
  return Object.fromEntries(after.filter(([, count]) => count !== 0));
}

describe('a member that is paused', () => {
  test.each(['client', 'server'] as const)('sends and receives by TCP, both ways, when it is the %s', async (group) => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    const rounds = () => sandbox.rounds(client, server, ROUNDS);
    expect((await outcomesOf(sandbox, rounds)).REDIRECTED).toBe(2 * ROUNDS);
    sandbox.fastPath.pauseMember(sandbox.cgroup(group), true);
    expect(await outcomesOf(sandbox, rounds)).toEqual({ PAUSED: 2 * ROUNDS });
    sandbox.fastPath.pauseMember(sandbox.cgroup(group), false);
    // One more by TCP each way at most: the reader has to take it first.
    expect((await outcomesOf(sandbox, rounds)).REDIRECTED).toBeGreaterThanOrEqual(2 * ROUNDS - 2);
  });

  test('is not promoted, and is when it goes on', async () => {
    await using sandbox = new Sandbox();
    sandbox.fastPath.pauseMember(sandbox.cgroup('server'), true);
    const { client, server } = await sandbox.pair();
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
    sandbox.fastPath.pauseMember(sandbox.cgroup('server'), false);
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('LINKED')).toBe(1);
  });

  test('does not concern the others', async () => {
    await using sandbox = new Sandbox();
    sandbox.addCgroup('client/a');
    sandbox.fastPath.addMember(sandbox.cgroup('client/a'), Reader.AUTO);
    const other = await sandbox.pair({ groups: ['client/a', 'server'] });
    sandbox.fastPath.pauseMember(sandbox.cgroup('client'), true);
    const counted = await outcomesOf(sandbox, () => sandbox.rounds(other.client, other.server, ROUNDS));
    expect(counted).toEqual({ REDIRECTED: 2 * ROUNDS });
  });

  test('loses no byte when that changes under load', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    let done = false;
    const load = sandbox.rounds(client, server, 20_000).finally(() => {
      done = true;
    });
    let changes = 0;
    await waitFor('the load ended', async () => {
      await new Promise((next) => setImmediate(next));
      if (!done) sandbox.fastPath.pauseMember(sandbox.cgroup('server'), changes++ % 2 === 0);
      return done;
    });
    await load;
    expect(changes).toBeGreaterThan(5);
    const { REDIRECTED = 0, PAUSED = 0 } = sandbox.fastPath.outcomes();
    expect(REDIRECTED).toBeGreaterThan(100);
    expect(PAUSED).toBeGreaterThan(100);
  });
});

test('a member that becomes OFF is redirected to and from no more', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  sandbox.fastPath.addMember(sandbox.cgroup('client'), Reader.OFF);
  const counted = await outcomesOf(sandbox, () => sandbox.rounds(client, server, ROUNDS));
  expect(counted).toEqual({ PAUSED: ROUNDS, READER_REFUSED: ROUNDS });
});

describe('an option that is set after promotion', () => {
  test.each([
    ['SO_OOBINLINE', SOL_SOCKET, 10],
    ['SO_RCVLOWAT', SOL_SOCKET, SO_RCVLOWAT],
    ['SO_PEEK_OFF', SOL_SOCKET, SO_PEEK_OFF],
    ['SO_ZEROCOPY', SOL_SOCKET, 60],
    ['TCP_REPAIR', SOL_TCP, 19],
    ['TCP_ULP', SOL_TCP, 31],
  ])('%s ends the redirects both ways', async (_, level, name) => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    // 0 where 1 would change what the test itself reads; the kernel may know no such protocol or option.
    await server.try('option', level, name, 0);
    expect(await outcomesOf(sandbox, () => sandbox.rounds(client, server, ROUNDS))).toEqual({ OPTION: 2 * ROUNDS });
    expect(sandbox.fastPath.count('OPTION_LATE')).toBe(1);
    const next = await sandbox.pair();
    const others = await outcomesOf(sandbox, () => sandbox.rounds(next.client, next.server, ROUNDS));
    expect(others).toEqual({ REDIRECTED: 2 * ROUNDS });
  });

  test('is honoured, where the kernel honours it in a socket hash: SO_RCVLOWAT', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    await server.do('option', SOL_SOCKET, SO_RCVLOWAT, 1000);
    await server.do('wait', 'edge-short');
    await client.do('write', 64);
    expect(await server.try('read', 64, 200)).toMatchObject({ bytes: 0, error: 'ETIMEDOUT' });
    await client.do('write', 2000);
    await server.do('read', 2064, 5000);
  });

  test('SO_PEEK_OFF is honoured', needs('peek offset of TCP'), async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    await server.do('option', SOL_SOCKET, SO_PEEK_OFF, 10);
    await client.do('write', 64);
    // The peek begins at byte 10, so that all of its bytes are other ones than the next.
    const peeked = await waitFor('something to peek', async () => {
      const answer = await server.try('peek', 20);
      return answer.bytes > 0 ? answer : undefined;
    });
    expect(peeked.wrong).toBeGreaterThan(10);
    await server.do('read', 64, 5000);
  });

  test('is forgotten when the socket closes', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    await server.do('option', SOL_SOCKET, SO_RCVLOWAT, 1);
    expect(sandbox.fastPath.lateOptions()).toBe(1);
    await server.do('close');
    await client.do('close');
    await waitFor('it is forgotten', () => sandbox.fastPath.lateOptions() === 0);
  });

  test('is not noted of a socket that was reset, and still has something to read', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    await client.do('write', 64);
    await client.do('reset');
    await waitFor('both ended', () => sandbox.fastPath.flows().length === 0);
    await server.do('option', SOL_SOCKET, SO_RCVLOWAT, 1);
    expect(sandbox.fastPath.lateOptions()).toBe(0);
  });
});

describe('a promoted socket that is made blocking', () => {
  test('is redirected to no more, counted and told once, and again redirected to when it is undone', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    const rounds = () => sandbox.rounds(client, server, ROUNDS);
    await server.do('nonblocking', 0);
    expect(await outcomesOf(sandbox, rounds)).toEqual({ READER_BLOCKING: ROUNDS, REDIRECTED: ROUNDS });
    expect(sandbox.fastPath.count('BECAME_BLOCKING')).toBe(1);
    await server.do('nonblocking', 1);
    expect((await outcomesOf(sandbox, rounds)).REDIRECTED).toBeGreaterThanOrEqual(2 * ROUNDS - 1);
    await server.do('nonblocking', 0);
    await rounds();
    expect(sandbox.fastPath.count('BECAME_BLOCKING')).toBe(2);
    const { bytes: port } = await client.do('port-of', 'peer');
    expect(await sandbox.fastPath.events(2)).toEqual([
      expect.objectContaining({ kind: 'became-blocking', local: `127.0.0.1:${port}` }),
      expect.objectContaining({ kind: 'became-blocking', local: `127.0.0.1:${port}` }),
    ]);
  });
});
