import { expect, it } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { instance } from '../../../src/instance.ts';
import { silentLogger } from '../../../src/log.ts';
import type { Parts } from '../../../src/supervisor/reconcile.ts';
import { statusOf } from '../../../src/supervisor/status.ts';

/** As much of the supervisor as `status` reads. */
function parts(fastPathObstacle: string | undefined): Parts {
  const seen = {
    instance: instance('status', '/sys/fs/cgroup'),
    dataplane: { opened: undefined, fastPathObstacle },
    envoy: { state: 'ready', restarts: 0, pid: undefined },
    runner: {},
    learned: { facts: [] },
    log: silentLogger,
    clock: systemClock,
  };
  return seen as unknown as Parts;
}

const why = 'fast path off: doctor: ordering unsupported: 7 ends reordered (expected: in order); see: shunt doctor';

it('says in `problems` and as the state of the fast path that a probe keeps it off', () => {
  const status = statusOf(new Date(0), parts(why), undefined, undefined);
  expect(status.problems).toEqual([why]);
  expect(status.fastPath.state).toBe('off');
});

it('has no problem where the doctor found none', () => {
  const status = statusOf(new Date(0), parts(undefined), undefined, undefined);
  expect(status.problems).toEqual([]);
  expect(status.fastPath.state).toBe('on');
});
