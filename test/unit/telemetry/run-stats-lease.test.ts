import { expect, it } from 'vitest';
import { RunStatsLease } from '../../../src/supervisor/run-stats-lease.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function setUp() {
  const clock = new ManualClock();
  const calls: string[] = [];
  const lease = new RunStatsLease(clock, () => {
    calls.push('on');
    return { [Symbol.dispose]: () => void calls.push('off') };
  });
  return { clock, calls, lease };
}

it('measures as long as the longest that was asked for, and no longer', async () => {
  const { clock, calls, lease } = setUp();
  lease.hold(5000);
  await clock.advance(3000);
  lease.hold(10_000);
  lease.hold(1000);
  await clock.advance(9999);
  expect(calls).toEqual(['on']);
  await clock.advance(1);
  expect(calls).toEqual(['on', 'off']);
  expect(lease.isHeld).toBe(false);
});

it('measures again when it is asked again, and stops at once when it is disposed', async () => {
  const { clock, calls, lease } = setUp();
  lease.hold(1000);
  await clock.advance(1000);
  lease.hold(1000);
  lease[Symbol.dispose]();
  expect(calls).toEqual(['on', 'off', 'on', 'off']);
  lease.hold(5000);
  await clock.advance(4999);
  expect(lease.isHeld).toBe(true);
  await clock.advance(1);
  expect(calls).toEqual(['on', 'off', 'on', 'off', 'on', 'off']);
});
