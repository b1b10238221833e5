/** What must not be left of a connection that ended, for others and for the next one of the same socket. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import { chaosLoad } from '../chaos/load.ts';
import { compileFastPath } from './compile.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const SECONDS = 3;

/** A segment comes for a socket while another processor ends it: the kernel tells of the end before it changes the state. */
test('leaves no flow of a socket that is promoted while it ends', { timeout: patient(60_000) }, async () => {
  using object = compileFastPath('-DSHUNT_TEST_SLOW_CLOSING=20000');
  const settings = { promoteAfterSegments: 2, maxQueuedBytes: 1024 * 1024 };
  await using sandbox = new Sandbox({ object: object.path, settings, server: Reader.GREEDY });
  sandbox.fastPath.addMember(sandbox.cgroup('client'), Reader.GREEDY);
  sandbox.steer();
  const place = (group: 'client' | 'server') => ({
    netns: sandbox.netns('a'),
    cgroup: sandbox.cgroup(group),
    greedy: true,
  });
  // A quarter of its connections is cut off in the middle, with segments under way.
  const tally = await chaosLoad({
    server: place('server'),
    client: place('client'),
    ip: '127.0.0.1',
    seconds: SECONDS,
  });
  expect(tally).toMatchObject({ wrong: 0, lost: 0, failed: 0, stuck: 0 });
  expect(sandbox.fastPath.count('PROMOTED')).toBeGreaterThan(20);
  await vi.waitFor(() => expect(sandbox.fastPath.flows()).toHaveLength(0), { timeout: patient(10_000) });
});

test('ends the next connection of a socket by an end where the one before was closed with bytes unread', async () => {
  await using sandbox = new Sandbox();
  const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
  const program = join(import.meta.dirname, 'programs/reconnect.py');
  const words = ['sh', '-c', enter, sandbox.cgroup('client'), 'python3', program];
  const ended = promisify(execFile)('nsenter', [`--net=${sandbox.netns('a')}`, ...words], { timeout: patient(20_000) });
  const redirected = () => sandbox.fastPath.messages('REDIRECTED');
  await vi.waitFor(() => expect(redirected()).toBeGreaterThan(20), { timeout: patient(10_000) });
  ended.child.stdin?.write('\n');
  const { stdout } = await ended;
  expect(JSON.parse(stdout)).toEqual(['answer', '']);
});
