import { describe, expect, test } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed } from '../../support/capabilities.ts';
import { IPS, IPV6, Sandbox } from './sandbox.ts';

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

describe('never redirects towards a reader that waits by', () => {
  test.each([
    ['edge', 'REFUSED_EDGE', 'READER_EDGE'],
    ['edge-short', 'REFUSED_EDGE', 'READER_EDGE'],
    ['nested-edge', 'REFUSED_EDGE', 'READER_EDGE'],
    ['output', 'REFUSED_WAITING', 'READER_UNKNOWN'],
    ['none', 'REFUSED_WAITING', 'READER_UNKNOWN'],
  ] as const)('%s', async (how, refusal, outcome) => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair({ waits: ['level', how], warmUpRounds: 40 });
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('PROMOTED')).toBe(1);
    expect(sandbox.fastPath.count(refusal)).toBeGreaterThan(0);
    expect(sandbox.fastPath.messages('REDIRECTED')).toBe(0);
    expect(sandbox.fastPath.bytes(outcome)).toBeGreaterThanOrEqual(BYTES);
  });

  test('recv(2), blocking', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair({
      waits: ['level', 'none'],
      prepare: (_, blocking) => blocking.do('nonblocking', 0),
      warmUpRounds: 40,
    });
    await sandbox.rounds(client, server, ROUNDS);
    expect(sandbox.fastPath.count('REFUSED_BLOCKING')).toBeGreaterThan(0);
    expect(sandbox.fastPath.messages('REDIRECTED')).toBe(0);
    expect(sandbox.fastPath.bytes('READER_BLOCKING')).toBeGreaterThanOrEqual(BYTES);
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
