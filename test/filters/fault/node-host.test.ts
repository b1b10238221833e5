import { FakeClock, type HeaderList, Host, type HttpStream, type Plugin } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { loadInto, survivesDamage } from '../support/filter.ts';
import { cases, refused } from './cases.ts';

interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: HeaderList;
  readonly worker?: number;
}

/** Lets a request come; the caller closes it. */
function open(plugin: Plugin, { method = 'GET', path = '/', headers = [], worker = 0 }: Asking = {}) {
  const stream = plugin.http({ worker, properties: { 'xds.cluster_name': 'echo' } });
  const verdict = stream.requestHeaders([[':method', method], [':path', path], ...headers]);
  return { stream, verdict };
}

const goesOn = (stream: HttpStream): boolean => stream.context.resumed.has('request');

describe('every case of cases.yaml in the Node host', () => {
  test.each(cases)('$name', ({ configuration, requests }) => {
    const host = new Host();
    const plugin = loadInto(host, 'fault', configuration);
    for (const { waitMs, abort, ...request } of requests) {
      const { stream, verdict } = open(plugin, request);
      using _ = stream;
      if (waitMs > 0) {
        expect(verdict).toBe('pause');
        host.clock.advance(waitMs - 1);
        expect(goesOn(stream)).toBe(false);
        expect(stream.reply).toBeUndefined();
        host.clock.advance(1);
        expect(goesOn(stream)).toBe(abort === undefined);
      } else {
        expect(verdict).toBe(abort === undefined ? 'continue' : 'pause');
      }
      if (abort === undefined) expect(stream.reply).toBeUndefined();
      else expect(stream.reply).toMatchObject({ ...abort, body: 'fault filter abort' });
    }
    expect(plugin.vm().failure).toBeUndefined();
  });
});

const aborting = (percent: number) => ({ name: 'n', rules: [{ name: 'r', abort: { percent, status: 500 } }] });
const delaying = (milliseconds: number, percent = 100) => ({
  name: 'n',
  rules: [{ name: 'r', delay: { percent, milliseconds } }],
});

/** Which of `count` requests are aborted, under a clock that begins at `startMs`. */
function aborted(percent: number, count: number, startMs: number): boolean[] {
  const plugin = loadInto(new Host({ clock: new FakeClock(startMs) }), 'fault', aborting(percent));
  return Array.from({ length: count }, () => {
    const { stream, verdict } = open(plugin);
    stream.close();
    return verdict === 'pause';
  });
}

describe('a percentage', () => {
  test.each([1, 12.5, 50, 99])('of %d is kept within four standard deviations', (percent) => {
    const count = 20_000;
    const share = percent / 100;
    const hits = aborted(percent, count, 1_700_000_000_000).filter(Boolean).length;
    expect(Math.abs(hits - count * share)).toBeLessThan(4 * Math.sqrt(count * share * (1 - share)));
  });

  test('of 0.0001 hits one in a million or so', () => {
    expect(aborted(0.0001, 100_000, 5).filter(Boolean).length).toBeLessThan(5);
  });

  test('hits the same requests when the clock starts at the same time, others when it does not', () => {
    const first = aborted(50, 200, 1_700_000_000_000);
    expect(aborted(50, 200, 1_700_000_000_000)).toEqual(first);
    expect(aborted(50, 200, 1_700_000_000_001)).not.toEqual(first);
  });

  test('of delays and of aborts are drawn apart', () => {
    const host = new Host();
    const rule = { name: 'r', delay: { percent: 50, milliseconds: 1 }, abort: { percent: 50, status: 500 } };
    const plugin = loadInto(host, 'fault', { name: 'n', rules: [rule] });
    const seen = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const { stream, verdict } = open(plugin);
      const atOnce = stream.reply !== undefined;
      host.clock.advance(1);
      const outcome = `${verdict === 'pause' && !atOnce ? 'wait ' : ''}${stream.reply === undefined ? 'ok' : 'abort'}`;
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      stream.close();
    }
    expect([...seen.keys()].toSorted()).toEqual(['abort', 'ok', 'wait abort', 'wait ok']);
    for (const count of seen.values()) expect(Math.abs(count - 500)).toBeLessThan(100);
  });
});

describe('requests that wait', () => {
  test('go on each at its time, in whatever order they came', () => {
    const host = new Host();
    const rules = [500, 20, 130].map((milliseconds) => ({
      name: `r${milliseconds}`,
      match: { path: [`/${milliseconds}`] },
      delay: { percent: 100, milliseconds },
    }));
    const plugin = loadInto(host, 'fault', { name: 'n', rules });
    const waiting: { stream: HttpStream; dueMs: number }[] = [];
    for (let i = 0; i < 300; i++) {
      const milliseconds = [500, 20, 130][i % 3] ?? 0;
      const { stream } = open(plugin, { path: `/${milliseconds}` });
      waiting.push({ stream, dueMs: host.clock.nowMs + milliseconds });
      host.clock.advance(i % 7);
      for (const { stream, dueMs } of waiting) expect(goesOn(stream)).toBe(dueMs <= host.clock.nowMs);
    }
    host.clock.advance(500);
    expect(waiting.every(({ stream }) => goesOn(stream))).toBe(true);
    for (const { stream } of waiting) stream.close();
    expect(plugin.vm().contextCount).toBe(1);
  });

  test('and end before their time are not touched again', () => {
    const host = new Host();
    const plugin = loadInto(host, 'fault', delaying(50));
    const { stream } = open(plugin);
    stream.close();
    host.clock.advance(200);
    expect(goesOn(stream)).toBe(false);
    // where it would land: the host acts on the root when the stream's number means nothing any more
    expect(stream.context.root.resumed).toEqual(new Set());
  });

  test('need no more ticks when the last has gone on', () => {
    const host = new Host();
    const plugin = loadInto(host, 'fault', delaying(50));
    const { stream } = open(plugin);
    host.clock.advance(100);
    stream.close();
    const calls = plugin.vm().hostCalls;
    host.clock.advance(60_000);
    expect(plugin.vm().hostCalls).toBe(calls);
  });

  test('go on when their configuration goes', () => {
    const plugin = loadInto(new Host(), 'fault', delaying(60_000));
    const { stream } = open(plugin);
    using _ = stream;
    plugin.remove();
    expect(goesOn(stream)).toBe(true);
  });

  test('wait no longer because the clock is set back', () => {
    const host = new Host();
    const plugin = loadInto(host, 'fault', delaying(1000));
    const { stream } = open(plugin);
    using _ = stream;
    const now = Object.getOwnPropertyDescriptor(FakeClock.prototype, 'nowMs')?.get as () => number;
    Object.defineProperty(host.clock, 'nowMs', { get: () => now.call(host.clock) - 3_600_000 });
    host.clock.advance(2000);
    expect(goesOn(stream)).toBe(true);
  });

  test('and leave long before their time take no memory until then', () => {
    const plugin = loadInto(new Host(), 'fault', delaying(600_000));
    const pages: number[] = [];
    for (let i = 1; i <= 100_000; i++) {
      open(plugin).stream.close();
      if (i % 20_000 === 0) pages.push(plugin.vm().memory.pages);
    }
    expect(new Set(pages).size, `pages ${pages.join()}`).toBe(1);
  });

  test('go on in time though others of their line have left', () => {
    const host = new Host();
    const plugin = loadInto(host, 'fault', delaying(100));
    const stays: { stream: HttpStream; dueMs: number }[] = [];
    for (let i = 0; i < 500; i++) {
      const { stream } = open(plugin);
      if (i % 5 === 0) stays.push({ stream, dueMs: host.clock.nowMs + 100 });
      else stream.close();
      host.clock.advance(1);
      for (const { stream, dueMs } of stays) expect(goesOn(stream)).toBe(dueMs <= host.clock.nowMs);
    }
    for (const { stream } of stays) stream.close();
  });

  test('take no memory for good: 200,000 of them', () => {
    const host = new Host();
    const plugin = loadInto(host, 'fault', delaying(20));
    const pages: number[] = [];
    const waiting: HttpStream[] = [];
    for (let i = 1; i <= 200_000; i++) {
      waiting.push(open(plugin).stream);
      if (i % 100 === 0) {
        host.clock.advance(20);
        for (const stream of waiting.splice(0)) stream.close();
      }
      if (i % 40_000 === 0) pages.push(plugin.vm().memory.pages);
    }
    expect(new Set(pages).size, `pages ${pages.join()}`).toBe(1);
  });
});

describe('the switch', () => {
  function withSwitch() {
    const host = new Host({ workers: 2 });
    const faults = loadInto(host, 'fault', delaying(5_000), 'same');
    const control = loadInto(host, 'fault', { switch: true }, 'same');
    const turn = (method: string, path: string) => {
      const { stream } = open(control, { method, path, worker: 1 });
      using _ = stream;
      return [stream.reply?.status, stream.reply?.body];
    };
    return { host, faults, turn };
  }

  test('turns faults off and on again, in all workers', () => {
    const { faults, turn } = withSwitch();
    const verdicts = () =>
      [0, 1].map((worker) => {
        const { stream, verdict } = open(faults, { worker });
        stream.close();
        return verdict;
      });
    expect(turn('GET', '/')).toEqual([200, 'on\n']);
    expect(verdicts()).toEqual(['pause', 'pause']);
    expect(turn('POST', '/off')).toEqual([200, 'off\n']);
    expect(turn('GET', '/')).toEqual([200, 'off\n']);
    expect(verdicts()).toEqual(['continue', 'continue']);
    expect(turn('POST', '/on')).toEqual([200, 'on\n']);
    expect(verdicts()).toEqual(['pause', 'pause']);
  });

  test('lets go within 100 ms what waits', () => {
    const { host, faults, turn } = withSwitch();
    const { stream } = open(faults);
    using _ = stream;
    host.clock.advance(1000);
    turn('POST', '/off');
    host.clock.advance(100);
    expect(goesOn(stream)).toBe(true);
    expect(stream.reply).toBeUndefined();
  });

  test('turned off also spares requests the abort that would follow their delay', () => {
    const host = new Host();
    const rule = { name: 'r', delay: { percent: 100, milliseconds: 500 }, abort: { percent: 100, status: 500 } };
    const faults = loadInto(host, 'fault', { name: 'n', rules: [rule] });
    const { stream } = open(faults);
    using _ = stream;
    open(loadInto(host, 'fault', { switch: true }), { method: 'POST', path: '/off' }).stream.close();
    host.clock.advance(100);
    expect(goesOn(stream)).toBe(true);
    expect(stream.reply).toBeUndefined();
  });

  test.each([
    ['GET', '/off', 405],
    ['POST', '/', 405],
    ['POST', '/off/', 404],
    ['GET', '/off?', 404],
    ['DELETE', '/x', 404],
  ])('does nothing at %s %s: %d', (method, path, status) => {
    const { turn } = withSwitch();
    expect(turn(method, path)[0]).toBe(status);
    expect(turn('GET', '/')[1]).toBe('on\n');
  });

  test('of another vm_id is another switch', () => {
    const { faults, host } = withSwitch();
    const other = loadInto(host, 'fault', { switch: true }, 'other');
    open(other, { method: 'POST', path: '/off' }).stream.close();
    expect(open(faults).verdict).toBe('pause');
  });
});

test('counts faults by rule', () => {
  const host = new Host();
  const rule = { name: 'r', delay: { percent: 100, milliseconds: 1 }, abort: { percent: 100, status: 500 } };
  const plugin = loadInto(host, 'fault', { name: 'n', rules: [rule] });
  for (let i = 0; i < 3; i++) {
    const { stream } = open(plugin);
    host.clock.advance(1);
    stream.close();
  }
  open(plugin).stream.close();
  expect(host.metrics.value('shunt_fault.n.r.delayed')).toBe(4n);
  expect(host.metrics.value('shunt_fault.n.r.aborted')).toBe(3n);
});

describe('a configuration that is refused', () => {
  test.each(refused)('%s', (_, text, message) => {
    const host = new Host();
    expect(() => loadInto(host, 'fault', text)).toThrow();
    expect(host.logs).toEqual([{ level: 'error', message: `shunt.fault: configuration refused: ${message}` }]);
  });

  test('or damaged anywhere never breaks the VM', () => {
    const faults = { delay: { percent: 0.5, milliseconds: 5 }, abort: { percent: 5, status: 500, grpcStatus: 14 } };
    survivesDamage('fault', { name: 'a', rules: [{ name: 'r', match: { path: ['/a*'] }, ...faults }] });
  });
});
