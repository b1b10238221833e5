import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lines } from '../../../src/cli/commands/doctor.ts';
import { adviceOf, type Finding, fastPathObstacle, type Report, type Verdict } from '../../../src/doctor/probe.ts';
import { PROBES } from '../../../src/doctor/probes.ts';

describe('the table of probes', () => {
  it('has every file of probes/', () => {
    const directory = join(import.meta.dirname, '../../../src/doctor/probes');
    const inFiles = globSync('*.ts', { cwd: directory }).flatMap((file) =>
      [...readFileSync(join(directory, file), 'utf8').matchAll(/^ {2}id: '(.+)',$/gm)].map(([, id]) => id),
    );
    expect(inFiles.sort()).toEqual(PROBES.map(({ id }) => id).sort());
  });

  it('names each probe once', () => {
    expect(new Set(PROBES.map(({ id }) => id)).size).toBe(PROBES.length);
  });

  it.each(PROBES.map((probe) => [probe.id, probe] as const))('says one line each of %s', (id, probe) => {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    for (const text of [probe.title, probe.expected, probe.means, probe.staysOff, probe.kernel]) {
      expect(text).toMatch(/^\S.*[^\s.]$/);
    }
  });
});

function finding(id: string, verdict: Verdict, disables: Finding['disables'] = 'fast-path'): Finding {
  const found = verdict === 'supported' ? 'as expected' : `${id} found`;
  const staysOff = verdict === 'supported' ? '' : `${id} stays off`;
  return {
    id,
    title: `${id} title`,
    verdict,
    expected: 'as expected',
    found,
    means: `${id} means`,
    kernel: `${id} kernel`,
    staysOff,
    disables,
  };
}

const report = (...findings: Finding[]): Report => ({
  kernel: '6.1.0',
  boot: 'now',
  build: 'b',
  findings,
  tookMs: 1234,
});

describe('the fast path', () => {
  it('is armed when every probe that guards it says supported', () => {
    const findings = [
      finding('a', 'supported'),
      finding('b', 'unsupported', 'nothing'),
      finding('c', 'cannot tell', 'nothing'),
    ];
    expect(fastPathObstacle(report(...findings))).toBeUndefined();
  });

  it.each(['unsupported', 'cannot tell'] as const)('stays off when one says %s, with one line why', (verdict) => {
    expect(fastPathObstacle(report(finding('a', 'supported'), finding('b', verdict)))).toBe(
      `fast path off: doctor: b ${verdict}: b found (expected: as expected); see: shunt doctor`,
    );
  });

  it('stays off for what is known to fail rather than for what follows from it', () => {
    expect(fastPathObstacle(report(finding('a', 'cannot tell'), finding('b', 'unsupported')))).toContain(
      'b unsupported',
    );
  });
});

describe('promotion', () => {
  const advice = (tc: Verdict, iterator: Verdict) =>
    adviceOf(report(finding('tc-update', tc, 'promotion'), finding('iterator-update', iterator, 'promotion')));

  it.each([
    ['supported', 'supported', 'tc'],
    ['supported', 'unsupported', 'tc'],
    ['unsupported', 'supported', 'iterator'],
    ['cannot tell', 'supported', 'iterator'],
  ] as const)('where tc is %s and the iterator %s is by %s', (tc, iterator, promotion) => {
    expect(advice(tc, iterator)).toEqual({ obstacle: undefined, promotion });
  });

  it.each([
    ['unsupported', 'unsupported', 'tc-update unsupported'],
    ['unsupported', 'cannot tell', 'iterator-update cannot tell'],
    ['cannot tell', 'unsupported', 'tc-update cannot tell'],
  ] as const)('where tc is %s and the iterator %s keeps the fast path off: %s', (tc, iterator, why) => {
    expect(advice(tc, iterator)).toEqual({ obstacle: expect.stringContaining(why), promotion: undefined });
  });

  it('by the supervisor is said', () => {
    const findings = [
      finding('tc-update', 'unsupported', 'promotion'),
      finding('iterator-update', 'supported', 'promotion'),
    ];
    expect(lines(report(...findings))).toMatch(/the fast path may be armed; the supervisor promotes$/);
  });
});

describe('shunt doctor', () => {
  const text = lines(
    report(finding('a', 'supported'), finding('b', 'unsupported'), finding('c', 'cannot tell', 'nothing')),
  );

  it('says of each probe what it found and which Linux explains it', () => {
    expect(text).toMatch(/^a +supported +a title: a means$/m);
    expect(text).toMatch(/^b +unsupported +b title: see below$/m);
    expect(text).toMatch(/^c +cannot tell +c title: see below$/m);
    for (const id of ['a', 'b', 'c']) expect(text).toMatch(new RegExp(`^${id} +${id} kernel$`, 'm'));
  });

  it('says what stays off, and nothing of what is well', () => {
    expect(text).toContain('b: unsupported\n  found      b found\n  expected   as expected\n  stays off  b stays off');
    expect(text).toContain('c: cannot tell\n');
    expect(text).not.toContain('a: supported');
  });

  it('ends with what it comes to', () => {
    expect(text.split('\n').at(-1)).toBe(
      'kernel 6.1.0, 1.2 s: fast path off: doctor: b unsupported: b found (expected: as expected); see: shunt doctor',
    );
    expect(
      lines(report(finding('a', 'supported')))
        .split('\n')
        .at(-1),
    ).toBe('kernel 6.1.0, 1.2 s: the fast path may be armed');
  });
});
