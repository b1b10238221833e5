import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('systemClock', () => {
  it('sleeps for the duration', async () => {
    const startMs = systemClock.monotonicMs();
    await systemClock.sleep(20);
    // timers count whole milliseconds, so one may fire just under a millisecond early
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(19);
  });

  it('takes a negative duration as none', async () => {
    await expect(systemClock.sleep(-5)).resolves.toBeUndefined();
  });

  it('rejects with the reason of the signal, before and during the sleep', async () => {
    const reason = new Error('stopped');
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });
});

describe('ManualClock', () => {
  it('wakes sleepers in the order of their times, each at its own time', async () => {
    const clock = new ManualClock(1000);
    const woken: [string, number][] = [];
    const sleep = async (name: string, durationMs: number) => {
      await clock.sleep(durationMs);
      woken.push([name, clock.nowMs()]);
      if (name === 'first') await sleep('third', 15);
    };
    const all = Promise.all([sleep('second', 20), sleep('first', 10)]);
    await clock.advance(9);
    expect(woken).toEqual([]);
    await clock.advance(21);
    await all;
    expect(woken).toEqual([
      ['first', 1010],
      ['second', 1020],
      ['third', 1025],
    ]);
    expect([clock.nowMs(), clock.monotonicMs(), clock.sleeping]).toEqual([1030, 30, 0]);
  });

  it('forgets a sleeper whose signal is aborted', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal);
    controller.abort(new Error('stopped'));
    await expect(sleeping).rejects.toThrow('stopped');
    expect(clock.sleeping).toBe(0);
  });
});
