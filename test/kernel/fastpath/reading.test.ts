/** Before 6.2 what the kernel keeps is copied, not followed: that code is checked by no newer kernel's verifier. */
import { expect, test } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { compileFastPath } from './compile.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const ROUNDS = 50;

test('decides in the same way where it copies what the kernel keeps', async () => {
  using build = compileFastPath('-DSHUNT_TEST_COPIED');
  await using sandbox = new Sandbox({ object: build.path });
  const { client, server } = await sandbox.pair();
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThanOrEqual(2 * ROUNDS);
  const before = sandbox.fastPath.messages('REDIRECTED');
  await server.do('wait', 'edge');
  await sandbox.rounds(client, server, ROUNDS);
  expect(sandbox.fastPath.messages('READER_EDGE')).toBe(ROUNDS);
  expect(sandbox.fastPath.messages('REDIRECTED') - before).toBe(ROUNDS);
  await client.do('nonblocking', 0);
  await server.do('write', 100);
  expect(sandbox.fastPath.messages('READER_BLOCKING')).toBe(1);
});
