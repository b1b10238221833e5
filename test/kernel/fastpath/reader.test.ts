import { describe, expect, test } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed } from '../../support/capabilities.ts';
import type { Peer } from './peer.ts';
import { IPS, IPV6, type PairOptions, Sandbox } from './sandbox.ts';

allNeed('fast path');

const ROUNDS = 50;
const BYTES = ROUNDS * 64;

describe('redirects towards a reader that waits by', () => {
  test.each(['level', 'oneshot', 'nested-level', 'poll', 'select'] as const)('%s', async (how) => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair({ waits: ['level', how], warmUpRounds: 100 });
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('LINKED'), JSON.stringify(sandbox.fastPath.outcomes())).toBe(1);
    expect(sandbox.fastPath.bytes('REDIRECTED')).toBeGreaterThanOrEqual(2 * BYTES);
  });
});

// In a socket hash each message costs more, and FIONREAD does not see what TCP delivers: a program that believes it reads
// less at once, for nothing.
describe('promotes neither end where one waits by', () => {
  const WAYS = [
    ['edge', 'REFUSED_EDGE'],
    ['edge-short', 'REFUSED_EDGE'],
    ['nested-edge', 'REFUSED_EDGE'],
    ['output', 'REFUSED_WAITING'],
    ['none', 'REFUSED_WAITING'],
  ] as const;
  const isLeftAlone = async (
    sandbox: Sandbox,
    options: PairOptions,
    refusal: (typeof WAYS)[number][1] | 'REFUSED_BLOCKING',
  ) => {
    const { client, server } = await sandbox.pair({ ...options, warmUpRounds: 40 });
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
    expect(sandbox.fastPath.count(refusal)).toBeGreaterThan(0);
    expect(sandbox.fastPath.count('REFUSED_PEER')).toBeGreaterThan(0);
    return { client, server };
  };

  test.each(WAYS)('%s, the end that accepted', async (how, refusal) => {
    await using sandbox = new Sandbox();
    await isLeftAlone(sandbox, { waits: ['level', how] }, refusal);
  });

  test.each(WAYS)('%s, the end that connected', async (how, refusal) => {
    await using sandbox = new Sandbox();
    await isLeftAlone(sandbox, { waits: [how, 'level'] }, refusal);
  });

  test('recv(2), blocking', async () => {
    await using sandbox = new Sandbox();
    const prepare = (_: Peer, blocking: Peer) => blocking.do('nonblocking', 0);
    await isLeftAlone(sandbox, { waits: ['level', 'none'], prepare }, 'REFUSED_BLOCKING');
  });

  test('an edge, until it no longer does', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await isLeftAlone(sandbox, { waits: ['level', 'edge'] }, 'REFUSED_EDGE');
    await server.do('wait', 'level');
    for (let i = 0; i < 20; i++) await sandbox.rounds(client, server, 20);
    expect(sandbox.fastPath.count('LINKED')).toBe(1);
    expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(ROUNDS);
    // One follows the other soon.
    expect(sandbox.fastPath.messages('UNLINKED')).toBeLessThanOrEqual(20);
  });
});

test('redirects towards an edge-triggered reader whose cgroup is known to be greedy', async () => {
  await using sandbox = new Sandbox({ server: Reader.GREEDY });
  const { client, server } = await sandbox.pair({ waits: ['level', 'edge'] });
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.bytes('REDIRECTED')).toBeGreaterThanOrEqual(2 * BYTES);
});

test('stops when a promoted reader changes to edge-triggered, and goes on when it changes back', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  await server.do('wait', 'edge');
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.messages('READER_EDGE')).toBe(ROUNDS);
  await server.do('wait', 'level');
  const before = sandbox.fastPath.messages('REDIRECTED');
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.messages('READER_EDGE')).toBe(ROUNDS);
  expect(sandbox.fastPath.messages('REDIRECTED') - before).toBeGreaterThanOrEqual(2 * ROUNDS - 2);
});

test.each(['edge-short', 'output'] as const)(
  'never stalls when a promoted reader changes to %s with bytes unread',
  async (how) => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    for (let i = 0; i < 20; i++) {
      await client.do('write', 100);
      await server.do('wait', how);
      await client.do('write', 3000);
      expect(await server.try('read', 3100, 2000)).toMatchObject({ bytes: 3100, wrong: 0, error: '' });
      await server.do('wait', 'level');
      await sandbox.rounds(client, server, 2);
    }
  },
);

test('lets a reader send whose cgroup says never, and redirects nothing to it', async () => {
  await using sandbox = new Sandbox({ server: Reader.NEVER });
  const { client, server } = await sandbox.pair();
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.messages('READER_REFUSED')).toBeGreaterThanOrEqual(ROUNDS);
  expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThanOrEqual(ROUNDS);
});

describe('leaves alone', () => {
  test('a connection whose ends may both only send', async () => {
    await using sandbox = new Sandbox({ client: Reader.NEVER, server: Reader.NEVER });
    const { client, server } = await sandbox.pair();
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
    expect(sandbox.fastPath.count('REFUSED_PEER')).toBeGreaterThan(0);
  });

  test('a connection of which one end is outside of all members', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair({ groups: ['client', 'outside'] });
    await sandbox.rounds(client, server, ROUNDS);
    // In a socket hash each message would cost more, for nothing.
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
    expect(sandbox.fastPath.count('REFUSED_PEER')).toBeGreaterThan(0);
  });

  test('a connection to a member that is off', async () => {
    await using sandbox = new Sandbox({ server: Reader.OFF });
    const { client, server } = await sandbox.pair();
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
    expect(sandbox.fastPath.count('REFUSED_PEER')).toBeGreaterThan(0);
  });
});

test.each([
  ['IPv6 on lo', '::1', ['a', 'a']],
  ['IPv4 on a veth', IPS.b, ['a', 'b']],
  ['IPv6 on a veth', IPV6.b, ['a', 'b']],
  ['an IPv4 client of an IPv6 listener', '::ffff:127.0.0.1', ['a', 'a']],
] as const)('works over %s', async (_, ip, sides) => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair({ ip, sides });
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.count('LINKED')).toBe(1);
  expect(sandbox.fastPath.bytes('REDIRECTED')).toBeGreaterThanOrEqual(2 * BYTES);
});

test('keeps equal addresses of two namespaces apart', async () => {
  await using sandbox = new Sandbox();
  const first = await sandbox.pair({ sides: ['a', 'a'] });
  const second = await sandbox.pair({ sides: ['b', 'b'] });
  await Promise.all([
    sandbox.rounds(first.client, first.server, ROUNDS),
    sandbox.rounds(second.client, second.server, ROUNDS),
  ]);
  const scopes = new Set(sandbox.fastPath.flows().map((flow) => flow.key.scope));
  expect(sandbox.fastPath.count('LINKED')).toBe(2);
  expect(scopes.size).toBe(2);
});
