/** A memory limit of the reader's cgroup. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { cgroup2Mount } from '../../../src/instance.ts';
import { allNeed } from '../../support/capabilities.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path', 'memory limits of cgroups');

const MIB = 1 << 20;
const PAIRS = 8;
/** Room for some of what all queues might hold. */
const ROOM_BYTES = 5 * MIB;
const WRITTEN_BYTES = MIB;

test('queues end before the limit: nobody is killed, and what does not fit goes by TCP', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: MIB } });
  const cgroup = sandbox.cgroup('server');
  for (const path of [cgroup2Mount(), dirname(cgroup)]) writeFileSync(join(path, 'cgroup.subtree_control'), '+memory');
  const read = (file: string): string => readFileSync(join(cgroup, file), 'utf8');
  // One after the other: sockets are charged to the cgroup from their making on.
  const all = [];
  for (let i = 0; i < PAIRS; i++) all.push(await sandbox.pair());
  writeFileSync(join(cgroup, 'memory.max'), `${Number(read('memory.current')) + ROOM_BYTES}`);

  const before = sandbox.fastPath.bytes('REDIRECTED');
  const written = [];
  for (const { client } of all) written.push(await client.try('write-all', WRITTEN_BYTES, 200));
  const queued = sandbox.fastPath.bytes('REDIRECTED') - before;
  const seen = `${queued} bytes redirected, ${JSON.stringify(sandbox.fastPath.outcomes())}`;
  expect(read('memory.events'), seen).toMatch(/^oom_kill 0$/m);
  expect(queued).toBeGreaterThan(MIB);
  expect(queued).toBeLessThan(ROOM_BYTES);
  expect(sandbox.fastPath.messages('CREDIT'), seen).toBeGreaterThan(0);

  writeFileSync(join(cgroup, 'memory.max'), 'max');
  for (const [index, { server }] of all.entries()) await server.do('read', written[index]?.bytes ?? 0, 20_000);
});
