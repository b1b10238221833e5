/** A segment comes for a socket while another processor ends it: the kernel tells of the end before it changes the state. */
import { expect, test, vi } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import { chaosLoad } from '../chaos/load.ts';
import { compileFastPath } from './compile.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const SECONDS = 3;

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
