import { Host } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { loadInto } from '../support/filter.ts';
import { ask } from './ask.ts';

/** Keys of shared data that buckets lie in. */
const KEYS = 1024;

describe('several workers', () => {
  test('admit together what one would', () => {
    const host = new Host({ workers: 4 });
    const plugin = loadInto(host, 'ratelimit', {
      name: 'n',
      rules: [{ name: 'r', requests: 100, perSeconds: 1, burst: 20 }],
    });
    let admitted = 0;
    for (let i = 0; i < 20_000; i++) {
      if (ask(plugin, { worker: i % 4 }).admitted) admitted++;
      if (i % 20 === 19) host.clock.advance(1);
    }
    expect(admitted).toBe(20 + 99);
  });

  test('never draw the same token, however their reads and writes interleave', () => {
    const host = new Host({ workers: 3 });
    const plugin = loadInto(host, 'ratelimit', { name: 'n', rules: [{ name: 'r', requests: 50, perSeconds: 3600 }] });
    const data = host.sharedData('');
    const read = data.get.bind(data);
    let depth = 0;
    let admitted = 0;
    let raced = 0;
    // between one worker's read and its write, the next worker's whole request
    data.get = (key) => {
      const seen = read(key);
      if (depth > 0 && depth < 3) {
        raced++;
        request(depth);
      }
      return seen === undefined ? undefined : { ...seen };
    };
    const request = (worker: number): void => {
      depth++;
      if (ask(plugin, { worker }).admitted) admitted++;
      depth--;
    };
    for (let i = 0; i < 30; i++) request(0);
    expect(raced).toBeGreaterThan(50);
    expect(admitted).toBe(50);
  });

  test('refuse, rather than admit unseen, when shared data does not work', () => {
    const host = new Host();
    const plugin = loadInto(host, 'ratelimit', { name: 'n', rules: [{ name: 'r', requests: 5, perSeconds: 1 }] });
    host.sharedData('').set = () => 10;
    expect(ask(plugin).reply).toMatchObject({ status: 503, details: 'shunt_ratelimit_failed', grpcStatus: 14 });
    expect(host.metrics.value('shunt_ratelimit.failed')).toBe(1n);
  });
});

/** As `load`, with a look at what shared data holds. */
function watched(rules: object[]) {
  const host = new Host({ workers: 2 });
  const plugin = loadInto(host, 'ratelimit', { name: 'n', rules });
  const data = host.sharedData('');
  const set = data.set.bind(data);
  const sizes = new Map<string, number>();
  data.set = (key, value, cas) => {
    sizes.set(key, value.length);
    return set(key, value, cas);
  };
  return { host, plugin, sizes };
}

describe('100,000 callers', () => {
  const rules = [{ name: 'r', by: ['header:x-user'], requests: 1, perSeconds: 600, burst: 2 }];
  const user = (n: number): { headers: [string, string][] } => ({ headers: [['x-user', `user ${n}`]] });

  test('take bounded memory, and none gets more than the burst', () => {
    const { host, plugin, sizes } = watched(rules);
    const admitted = new Map<number, number>();
    const pages: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 100_000; n += round === 0 ? 1 : 7) {
        if (ask(plugin, { ...user(n), worker: n % 2 }).admitted) admitted.set(n, (admitted.get(n) ?? 0) + 1);
      }
      pages.push(plugin.vm(0).memory.pages);
    }
    expect(Math.max(...admitted.values())).toBe(2);
    expect(sizes.size).toBeLessThanOrEqual(KEYS);
    expect(Math.max(...sizes.values())).toBeLessThanOrEqual(128 * 16);
    expect(pages[2]).toBeLessThanOrEqual(pages[0] ?? 0);
    expect(host.metrics.value('shunt_ratelimit.failed')).toBe(0n);
  });

  test('leave nothing behind when their buckets are full again', () => {
    const { host, plugin, sizes } = watched(rules);
    for (let n = 0; n < 20_000; n++) ask(plugin, user(n));
    host.clock.advance(1_200_000);
    for (let n = 0; n < 20_000; n++) ask(plugin, user(1));
    const [smallest] = [...sizes.values()].toSorted((a, b) => a - b);
    expect(smallest).toBe(16);
  });

  test('that come too many at once share a bucket, and leave it with no more than it had', () => {
    const { host, plugin } = watched([{ name: 'r', by: ['header:x-user'], requests: 1, perSeconds: 10, burst: 2 }]);
    // 200,000 fill every key; the last ones share
    for (let n = 0; n < 120_000; n++) ask(plugin, user(n));
    const sharing = Array.from({ length: 2000 }, (_, n) => 500_000 + n);
    let first = 0;
    for (const n of sharing) if (ask(plugin, user(n)).admitted) first++;
    expect(first).toBeLessThan(100);
    // own buckets empty by half; those that shared get their own now, as empty as the shared one is
    host.clock.advance(10_001);
    let second = 0;
    for (const n of sharing) for (let i = 0; i < 3; i++) if (ask(plugin, user(n)).admitted) second++;
    expect(second).toBeLessThanOrEqual(sharing.length);
  });
});
