import { describe, expect, it } from 'vitest';
import { ShuntError } from '../../src/errors.ts';
import { createLogger, type LogOptions } from '../../src/log.ts';

const clock = { nowMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) };

function logger(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  return { lines, log: createLogger({ write: (line) => lines.push(line), clock, ...options }) };
}

describe('json', () => {
  it('writes one object a line: time, level, message, then the fields', () => {
    const { lines, log } = logger();
    log.info('applied', { services: 3, nothing: undefined, bytes: 12345678901234567890n });
    expect(lines).toEqual([
      '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"applied","services":3,"bytes":"12345678901234567890"}\n',
    ]);
  });

  it('keeps the code and the causes of an error', () => {
    const { lines, log } = logger();
    const cause = new ShuntError('E_BPF_LOAD', 'refused', { cause: new Error('EINVAL') });
    log.error('failed', { error: new ShuntError('E_POLICY', 'not applied', { cause }) });
    expect(JSON.parse(lines[0] ?? '').error).toEqual({
      code: 'E_POLICY',
      message: 'not applied',
      cause: { code: 'E_BPF_LOAD', message: 'refused', cause: { message: 'EINVAL' } },
    });
  });

  it('does not let a field forge the time, the level or the message', () => {
    const { lines, log } = logger();
    log.warn('real', { level: 'debug', message: 'forged', time: 'never' });
    expect(JSON.parse(lines[0] ?? '')).toEqual({ time: '2026-01-02T03:04:05.678Z', level: 'warn', message: 'real' });
  });

  it('never throws on what cannot be written', () => {
    const { lines, log } = logger();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    log.info('odd', { circular, symbol: Symbol('s'), call: () => 1 });
    expect(Object.keys(JSON.parse(lines[0] ?? ''))).toEqual(['time', 'level', 'message', 'circular', 'symbol', 'call']);
  });
});

describe('text', () => {
  it('writes time, level, message and key=value, quoting what has spaces', () => {
    const { lines, log } = logger({ format: 'text' });
    log.warn('slow', { workload: 'default/api', why: 'no reply', tookMs: 12 });
    expect(lines).toEqual(['03:04:05.678 warn  slow workload=default/api why="no reply" tookMs=12\n']);
  });

  it('keeps a record on one line and control characters off the terminal', () => {
    const { lines, log } = logger({ format: 'text' });
    log.info('a\nb', { key: 'c\u001b[31md', other: 'e f\u007fg' });
    expect(lines).toEqual(['03:04:05.678 info  a\\nb key=c\\u001b[31md other="e f\\u007fg"\n']);
  });
});

it('drops what is below its level', () => {
  const { lines, log } = logger({ level: 'warn', format: 'text' });
  log.debug('1');
  log.info('2');
  log.warn('3');
  log.error('4');
  expect(lines.map((line) => line.trim().at(-1))).toEqual(['3', '4']);
});

it("adds a child's fields to each record; the record's own wins", () => {
  const { lines, log } = logger({ format: 'text', fields: { instance: 'default' } });
  log.child({ part: 'envoy' }).info('up', { part: 'xds' });
  expect(lines).toEqual(['03:04:05.678 info  up instance=default part=xds\n']);
});
