/**
 * Found with HAProxy that was not recognised by its name: it receives with recv(2) first, is promoted, and splices from
 * then on. splice(2) does not see what was redirected: the connection hangs, or its bytes change places.
 */
import { describe, expect, test } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed, needs } from '../../support/capabilities.ts';
import { Sandbox } from '../fastpath/sandbox.ts';

allNeed('fast path');

/** Why all this is needed; a kernel that cures it is to be noticed. */
test('splice(2) takes later bytes that came by TCP before earlier ones that were redirected', async () => {
  const messageBytes = 60_000;
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: messageBytes } });
  const { client, server } = await sandbox.pair();
  await client.do('write', messageBytes);
  await client.do('write', messageBytes);
  expect(sandbox.fastPath.messages('CREDIT')).toBe(1);
  expect(await server.try('splice', 1000)).toMatchObject({ bytes: 1000, error: '' });
  const rest = await server.try('read', 2 * messageBytes - 1000, 5000);
  expect(rest.wrong).toBeGreaterThanOrEqual(messageBytes);
});

describe('when somebody in a workload spliced from a socket', () => {
  test('no later socket of that workload is promoted', needs('tracepoints'), async () => {
    await using sandbox = new Sandbox();
    const { server } = await sandbox.pair();
    expect(sandbox.fastPath.count('PROMOTED')).toBe(2);
    await server.try('splice', 1);
    await sandbox.pair();
    expect(sandbox.fastPath.count('PROMOTED')).toBe(3);
    expect(sandbox.fastPath.count('REFUSED_OPTION')).toBe(1);
  });

  test('other workloads are not concerned', needs('tracepoints'), async () => {
    await using sandbox = new Sandbox();
    const { server } = await sandbox.pair();
    await server.try('splice', 1);
    await sandbox.pair({ groups: ['client', 'client'] });
    expect(sandbox.fastPath.count('LINKED')).toBe(2);
    expect(sandbox.fastPath.count('REFUSED_OPTION')).toBe(0);
  });

  test('it may send on, if it is known to splice and never redirected to', needs('tracepoints'), async () => {
    await using sandbox = new Sandbox({ server: Reader.NEVER });
    const { server } = await sandbox.pair();
    await server.try('splice', 1);
    const { client, server: next } = await sandbox.pair();
    const before = sandbox.fastPath.messages('REDIRECTED');
    await sandbox.rounds(client, next, 10);
    expect(sandbox.fastPath.messages('REDIRECTED') - before).toBeGreaterThanOrEqual(9);
    expect(sandbox.fastPath.count('REFUSED_OPTION')).toBe(0);
  });
});
