import { describe, expect, it } from 'vitest';
import type { Queues } from '../../../src/dataplane/queues.ts';
import { QueueWatch } from '../../../src/supervisor/queue-watch.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const never = (error: unknown): never => {
  throw error;
};

/** Counts looks, and knows of no queue. */
class Counting {
  looks = 0;
  closed = false;
  look(): number {
    this.looks++;
    return 0;
  }
  read(): [] {
    this.look();
    return [];
  }
  [Symbol.dispose](): void {
    this.closed = true;
  }
}

const asQueues = (counting: Counting): Queues => counting as unknown as Queues;

describe('queues are looked at', () => {
  it('at once when somebody asks, and not again', async () => {
    const clock = new ManualClock();
    const queues = new Counting();
    using watch = new QueueWatch(clock, () => asQueues(queues), never);
    expect(queues.looks).toBe(0);
    watch.now();
    await clock.advance(60_000);
    expect(queues.looks).toBe(1);
  });

  it('every 10 to 30 ms while they are measured, and no longer', async () => {
    const clock = new ManualClock();
    const queues = new Counting();
    using watch = new QueueWatch(clock, () => asQueues(queues), never);
    watch.hold(1000);
    for (let ms = 0; ms < 2000; ms++) await clock.advance(1);
    expect(queues.looks).toBeGreaterThanOrEqual(1000 / 31);
    expect(queues.looks).toBeLessThanOrEqual(1000 / 10 + 1);
    const { looks } = queues;
    watch.hold(100);
    for (let ms = 0; ms < 200; ms++) await clock.advance(1);
    expect(queues.looks).toBeGreaterThan(looks);
  });

  it('until they are closed', async () => {
    const clock = new ManualClock();
    const queues = new Counting();
    const watch = new QueueWatch(clock, () => asQueues(queues), never);
    watch.hold(1000);
    watch[Symbol.dispose]();
    const { looks } = queues;
    for (let ms = 0; ms < 100; ms++) await clock.advance(1);
    expect(queues).toMatchObject({ looks, closed: true });
  });

  it('never where the kernel refuses the program, which is said once', () => {
    const failures: unknown[] = [];
    const open = (): never => {
      throw new Error('refused');
    };
    using watch = new QueueWatch(new ManualClock(), open, (error) => failures.push(error));
    watch.hold(1000);
    expect(watch.now()).toEqual({ byCookie: new Map(), byPair: new Map() });
    expect(failures).toHaveLength(1);
  });
});
