import { describe, expect, test } from 'vitest';
import { answer, order, probe } from '../support/probe.ts';

describe('shared data', () => {
  test('a counter that all workers change by compare-and-swap is exact', () => {
    const { plugin } = probe({}, { workers: 3 });
    for (let i = 0; i < 30; i++) answer(plugin, 'shared', '', { worker: i % 3 });
    expect(answer(plugin, 'shared', '', { worker: 2 })).toBe('31');
  });
});

describe('ticks', () => {
  test('come in every worker, from the clock that the test moves', () => {
    const { host, plugin } = probe({ tickMs: 100 }, { workers: 2 });
    host.clock.advance(1000);
    const ticks = host.sharedData('probe').get('ticks')?.value.readBigUInt64LE();
    expect(ticks).toBe(20n);
    plugin.remove();
    host.clock.advance(1000);
    expect(host.sharedData('probe').get('ticks')?.value.readBigUInt64LE()).toBe(20n);
  });

  test('the clock is read in nanoseconds', () => {
    const { host, plugin } = probe();
    host.clock.advance(5);
    expect(answer(plugin, 'time')).toBe(String(BigInt(host.clock.nowMs) * 1_000_000n));
  });
});

describe('queues', () => {
  test('deliver each message once, to the context that registered', () => {
    const { host, plugin } = probe({ queue: 'q' });
    expect(answer(plugin, 'enqueue', 'hello')).toBe('0');
    expect(answer(plugin, 'enqueue', 'again')).toBe('0');
    const said = host.logs.map(({ message }) => message).filter((message) => message.startsWith('queue'));
    expect(said).toEqual(['queue true: hello', 'queue true: again']);
  });
});

describe('metrics', () => {
  test('counter, gauge and histogram, with their values', () => {
    const { host, plugin } = probe();
    expect(answer(plugin, 'metrics')).toBe('5 7');
    expect(host.metrics.value('probe.counter')).toBe(5n);
    expect(host.metrics.value('probe.gauge')).toBe(7n);
    expect(host.metrics.samples('probe.histogram')).toEqual([42n]);
  });

  test('of a reload are those of before, and the host is not asked for them again', () => {
    const { host, plugin } = probe();
    expect(answer(plugin, 'metrics')).toBe('5 7');
    const before = plugin.vm().hostCalls;
    const { plugin: next } = probe({}, {}, host);
    // the configuration's text is all that it asked for
    expect(plugin.vm().hostCalls - before).toBe(1);
    expect(answer(next, 'metrics')).toBe('10 7');
  });
});

describe('HTTP call-outs', () => {
  test('the answer comes to the stream that asked, which goes on', () => {
    const { host, plugin } = probe();
    using one = order(plugin, 'call');
    using two = order(plugin, 'call');
    const [first, second] = host.calls.http;
    expect(first).toMatchObject({
      cluster: 'cluster',
      timeoutMs: 250,
      headers: [
        [':method', 'GET'],
        [':path', '/'],
        [':authority', 'x'],
      ],
    });
    expect(first?.body.toString()).toBe('body');
    if (first === undefined || second === undefined) throw new Error('two calls expected');
    host.calls.respond(second, { headers: [[':status', '201']], body: 'b' });
    expect(one.context.resumed.size).toBe(0);
    expect(two.context.resumed).toEqual(new Set(['request']));
    expect(two.context.maps[0]?.at(-1)).toEqual(['x-answer', '201 b true']);
    host.calls.respond(first);
    expect(one.context.maps[0]?.at(-1)).toEqual(['x-answer', '200  true']);
  });

  test('time out by the clock', () => {
    const { host, plugin } = probe();
    using stream = order(plugin, 'call');
    host.clock.advance(249);
    expect(stream.reply).toBeUndefined();
    host.clock.advance(1);
    expect(stream.reply?.body).toBe('call failed true');
    expect(host.calls.http).toEqual([]);
  });

  test('a call without the pseudo-headers is not sent', () => {
    const { host, plugin } = probe();
    expect(answer(plugin, 'call', 'bad')).toBe('not sent 2');
    expect(host.calls.http).toEqual([]);
  });

  test('of streams that end leave nothing behind', () => {
    const { host, plugin } = probe();
    const pages: number[] = [];
    for (let i = 1; i <= 40_000; i++) {
      order(plugin, 'call').close();
      // as in Envoy, the call goes on without its stream
      if (i % 1000 === 0) host.clock.advance(250);
      if (i % 10_000 === 0) pages.push(plugin.vm().memory.pages);
    }
    expect(host.calls.http.length).toBe(0);
    expect(plugin.vm().contextCount).toBe(1);
    expect(new Set(pages.slice(1)).size, `pages ${pages.join()}`).toBe(1);
    host.clock.advance(1000);
    expect(plugin.vm().failure).toBeUndefined();
  });
});

describe('gRPC call-outs', () => {
  test('a unary call is answered and ends', () => {
    const { host, plugin } = probe();
    using stream = order(plugin, 'grpc', 'call');
    const [call] = host.calls.grpc;
    expect(call).toMatchObject({
      kind: 'call',
      target: 'target',
      service: 'service',
      method: 'method',
      metadata: [['m', '1']],
    });
    expect(call?.messages.map(String)).toEqual(['ask']);
    if (call === undefined) throw new Error('a call expected');
    host.calls.grpcMessage(call, 'reply');
    expect(host.logs.map(({ message }) => message)).toEqual(['grpc message reply']);
    expect(stream.context.resumed).toEqual(new Set(['request']));
  });

  test('a unary call times out', () => {
    const { host, plugin } = probe();
    using stream = order(plugin, 'grpc', 'call');
    host.clock.advance(100);
    expect(host.logs.at(-1)?.message).toMatch(/^grpc closed 4 /);
    expect(stream.context.resumed.size).toBe(1);
  });

  test('a stream sends, hears, answers and ends', () => {
    const { host, plugin } = probe();
    using _ = order(plugin, 'grpc', 'stream');
    const [call] = host.calls.grpc;
    if (call === undefined) throw new Error('a stream expected');
    host.calls.grpcInitialMetadata(call, [['i', '1']]);
    host.calls.grpcMessage(call, 'more');
    host.calls.grpcTrailingMetadata(call, [
      ['t', '1'],
      ['u', '2'],
    ]);
    host.calls.closeGrpc(call, 0);
    expect(call.messages.map(String)).toEqual(['one', 'again']);
    expect(call.closed).toBe(true);
    expect(host.logs.map(({ message }) => message)).toEqual([
      'grpc initial 1',
      'grpc message more',
      'grpc trailing 2',
      'grpc closed 0 0 ',
    ]);
  });

  test('a cancelled stream takes and brings nothing more', () => {
    const { host, plugin } = probe();
    expect(answer(plugin, 'grpc', 'cancel')).toBe('cancelled 0 1');
    expect(host.calls.grpc).toEqual([]);
  });

  test('of streams that end are cancelled, and leave nothing behind', () => {
    const { host, plugin } = probe();
    const pages: number[] = [];
    for (let i = 1; i <= 20_000; i++) {
      order(plugin, 'grpc', i % 2 === 0 ? 'call' : 'stream').close();
      if (i % 5000 === 0) pages.push(plugin.vm().memory.pages);
    }
    expect(host.calls.grpc.length).toBe(0);
    expect(new Set(pages.slice(1)).size, `pages ${pages.join()}`).toBe(1);
  });

  test('bring their answers to the stream that asked, and to no other', () => {
    const { host, plugin } = probe();
    const streams = Array.from({ length: 5 }, () => order(plugin, 'grpc', 'call'));
    const calls = host.calls.grpc;
    streams[1]?.close();
    for (const index of [3, 1, 0]) {
      const call = calls[index];
      if (call !== undefined) host.calls.grpcMessage(call, 'reply');
    }
    expect(streams.map(({ context }) => context.resumed.size)).toEqual([1, 0, 0, 1, 0]);
  });

  test('this side can close', () => {
    const { host, plugin } = probe();
    using _ = order(plugin, 'grpc', 'close');
    expect(host.calls.grpc[0]?.closed).toBe(true);
  });
});

describe('foreign functions', () => {
  test('are called with bytes; an unknown one is absent', () => {
    const foreign = (name: string, argument: Buffer): Uint8Array | undefined =>
      name === 'echo' ? Buffer.from(`<${argument}>`) : undefined;
    const { plugin } = probe({}, { foreign });
    expect(answer(plugin, 'foreign', 'echo')).toBe('result <argument>');
    expect(answer(plugin, 'foreign', 'nobody')).toBe('absent');
  });

  test('clear the route cache', () => {
    const { plugin } = probe();
    using stream = order(plugin, 'clear-route');
    expect(stream.reply?.body).toBe('true');
    expect(stream.context.routeCacheCleared).toBe(true);
  });
});

describe('TCP', () => {
  test('data is changed in both directions, held and closed', () => {
    const { host, plugin } = probe({ tcp: true });
    using connection = plugin.tcp();
    expect(connection.connect()).toBe('continue');
    expect(connection.downstreamData('ab')).toMatchObject({ verdict: 'continue', bytes: Buffer.from('<ab') });
    expect(connection.downstreamData('hold').verdict).toBe('pause');
    expect(connection.upstreamData('xyz', { endOfStream: true }).bytes.toString()).toBe('xyz>3!');
    connection.downstreamData('close');
    expect(connection.context.closed).toEqual(new Set(['downstream']));
    connection.upstreamClosed(false);
    connection.downstreamClosed(true);
    const said = host.logs.map(({ message }) => message);
    expect(said).toEqual(['connected', 'held 4', 'upstream closed false', 'downstream closed true']);
  });
});

describe('contexts', () => {
  test('a VM configuration reaches the root, and may refuse the VM', () => {
    const { host, plugin } = probe();
    const other = host.load({ module: plugin.vm().module, vmConfiguration: 'vm text', configuration: '{"name":"n"}' });
    expect(answer(other, 'root')).toBe('n vm text');
    expect(() => host.load({ module: plugin.vm().module, vmConfiguration: 'refuse' })).toThrow('logged nothing');
  });

  test('access logging sees a stream before it goes', () => {
    const { host, plugin } = probe();
    order(plugin, 'log').close();
    expect(host.logs.at(-1)?.message).toMatch(/^logged \d+$/);
  });

  test('a root that is not done yet keeps its context', () => {
    const { plugin } = probe({ holdDone: true });
    const vm = plugin.vm();
    plugin.remove();
    expect(vm.contextCount).toBe(1);
  });

  test('ten thousand streams open and close in any order', () => {
    const { plugin } = probe({ name: 'root' });
    const open = Array.from({ length: 10_000 }, () => plugin.http());
    for (const [index, stream] of open.entries()) if (index % 3 !== 0) stream.close();
    for (const [index, stream] of open.entries()) {
      if (index % 3 !== 0) continue;
      stream.requestHeaders([['x-do', 'root']]);
      expect(stream.reply?.body).toBe('root ');
      stream.close();
    }
    expect(plugin.vm().contextCount).toBe(1);
  });
});
