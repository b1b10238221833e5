import { describe, expect, test } from 'vitest';
import { PAGE_BEGIN, pageWith } from '../../../scripts/kernels/page.ts';
import { guestsOf, parseArguments, selected } from '../../../scripts/kernels/plan.ts';
import { neverEnded, reportOf } from '../../../scripts/kernels/report.ts';
import {
  DOCTOR,
  type FileResult,
  type KernelResults,
  linesOf,
  missing,
  ofRelease,
  skippedEverywhere,
  withDoctor,
  withFile,
} from '../../../scripts/kernels/result.ts';

const REASON = 'kernel 6.1: it lacks it';
const OLD = { commit: 'aaaaaaa', inputs: 'old', date: '2026-01-30' };
const NEW = { commit: 'bbbbbbb', inputs: 'new', date: '2026-01-31' };
const now = (): string => 'new';

function ran(file: string, ...tests: ('passed' | 'failed' | 'skipped')[]): FileResult {
  const named = (state: string) => tests.flatMap((test, i) => (test === state ? [`test ${i}`] : []));
  const withReason = (state: string, reason: string) => named(state).map((test) => ({ test, reason }));
  return {
    file,
    passed: named('passed'),
    failed: withReason('failed', 'expected 1 to be 2'),
    skipped: withReason('skipped', REASON),
    seconds: 61,
  };
}

function results(kernel: string, ...files: FileResult[]): KernelResults {
  const image = { kernel, usedBy: 'Debian', release: `${kernel}.0-1-cloud-amd64`, version: `${kernel}.1-1` };
  return files.reduce((all, file) => withFile(all, file, NEW), ofRelease(undefined, image));
}

const PEEK = { id: 'peek', verdict: 'unsupported', found: '0 of 1000 bytes kept', expected: 'kept' };
const DIAGNOSIS = { tookMs: 21_000, findings: [PEEK] };

describe('what a guest reports', () => {
  const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
  const whole = line({ began: 'a.test.ts' }) + line({ ended: ran('a.test.ts', 'passed') });

  test('is each file that ended, and the doctor', () => {
    const report = reportOf(
      whole + line({ doctor: { ...DIAGNOSIS, kernel: '6.1', findings: [{ ...PEEK, title: '' }] } }),
    );
    expect(report).toEqual({ files: [ran('a.test.ts', 'passed')], unfinished: [], errors: [], doctor: DIAGNOSIS });
  });

  test('counts as far as it came: a file that did not end, and a line that was cut off', () => {
    const cut = line({ ended: ran('b.test.ts', 'passed') }).slice(0, -10);
    expect(reportOf(whole + line({ began: 'b.test.ts' }) + cut)).toEqual({
      files: [ran('a.test.ts', 'passed')],
      unfinished: ['b.test.ts'],
      errors: [],
    });
    expect(neverEnded('b.test.ts', 'silent\nits console', 9).failed).toEqual([
      { test: 'the whole file', reason: 'silent' },
    ]);
  });

  test('blames a file for an error outside of its tests, and nobody where the file is not known', () => {
    const report = reportOf(whole + line({ error: 'thrown', file: 'a.test.ts' }) + line({ error: 'by whom?' }));
    expect(report.files[0]?.failed).toEqual([{ test: 'outside of any test', reason: 'thrown' }]);
    expect(report.errors).toEqual(['by whom?']);
  });
});

describe('results that are kept', () => {
  test('are of each file the newest', () => {
    const both = withFile(
      results('6.1', ran('a.test.ts', 'passed'), ran('b.test.ts', 'passed')),
      ran('a.test.ts'),
      OLD,
    );
    expect(both.files['a.test.ts']).toEqual({ ...ran('a.test.ts'), ...OLD });
    expect(both.files['b.test.ts']).toMatchObject(NEW);
  });

  test('begin anew with another release of the kernel', () => {
    const old = results('6.1', ran('a.test.ts', 'passed'));
    expect(ofRelease(old, { ...old, version: '6.1.2' }).files).toBe(old.files);
    expect(ofRelease(old, { ...old, release: '6.1.0-2-cloud-amd64' }).files).toEqual({});
  });

  test('lack what has none, is stale or failed', () => {
    let all = results('6.1', ran('good', 'passed', 'skipped'), ran('bad', 'passed', 'failed'));
    all = withFile(all, ran('stale', 'passed'), OLD);
    expect(missing(all, ['good', 'bad', 'stale', 'none', DOCTOR], now)).toEqual(['bad', 'stale', 'none', DOCTOR]);
    expect(missing(withDoctor(all, DIAGNOSIS, NEW), [DOCTOR], now)).toEqual([]);
    expect(missing(withDoctor(all, DIAGNOSIS, OLD), [DOCTOR], now)).toEqual([DOCTOR]);
  });

  test('are printed with kernel and reason of each failure and skip', () => {
    expect(linesOf('6.1', [ran('a.test.ts', 'passed', 'failed', 'skipped'), ran('b.test.ts', 'passed')])).toEqual([
      '6.1: 2 files, 2 passed, 1 failed, 1 skipped (122 s)',
      '  failed on 6.1: a.test.ts: test 1: expected 1 to be 2',
      `  skipped on 6.1: a.test.ts: test 2: ${REASON}`,
    ]);
  });
});

describe('a test that is skipped everywhere', () => {
  const skipping = ran('a.test.ts', 'passed', 'skipped');

  test('is found in what all kernels said, by whatever runs', () => {
    expect(skippedEverywhere([results('6.1', skipping), results('6.12', skipping)], 2)).toEqual(['a.test.ts: test 1']);
    expect(
      skippedEverywhere([results('6.1', skipping), results('6.12', ran('a.test.ts', 'passed', 'failed'))], 2),
    ).toEqual([]);
  });

  test('is not known while a kernel has not run its file', () => {
    expect(skippedEverywhere([results('6.1', skipping), results('6.12')], 2)).toEqual([]);
  });
});

describe('a run', () => {
  const KERNELS = ['5.10', '6.1', '6.12'];

  test('takes kernels, parts of names and, behind them, options of vitest', () => {
    expect(parseArguments([], KERNELS)).toEqual({
      kernels: KERNELS,
      filters: [],
      options: [],
      onlyMissing: false,
      onlyPage: false,
    });
    expect(parseArguments(['6.12', '6.1', 'fastpath', '--missing'], KERNELS)).toMatchObject({
      kernels: ['6.1', '6.12'],
      filters: ['fastpath'],
      onlyMissing: true,
    });
    expect(parseArguments(['6.1', '-t', '6.12'], KERNELS)).toMatchObject({ kernels: ['6.1'], options: ['-t', '6.12'] });
  });

  test('asks the doctor as one of the files', () => {
    expect(selected(['bpf/a.test.ts', 'doctor/b.test.ts'], [])).toEqual(['bpf/a.test.ts', 'doctor/b.test.ts', DOCTOR]);
    expect(selected(['bpf/a.test.ts', 'doctor/b.test.ts'], ['doctor'])).toEqual(['doctor/b.test.ts', DOCTOR]);
    expect(selected(['bpf/a.test.ts', 'doctor/b.test.ts'], ['test/kernel/bpf/'])).toEqual(['bpf/a.test.ts']);
  });

  test('begins with what was quick anywhere, and gives what takes long a guest of its own', () => {
    const slow = { ...ran('slow'), seconds: 900 };
    const known = [results('6.1', { ...ran('quick'), seconds: 3 }, { ...slow, seconds: 5 }), results('6.12', slow)];
    expect(guestsOf(['slow', 'new', 'quick'], known)).toEqual([
      { files: ['quick', 'new'], processors: 1 },
      { files: ['slow'], processors: 1 },
    ]);
  });

  test('gives two processors to what is about two', () => {
    expect(guestsOf(['fastpath/race.test.ts', 'a.test.ts'], [])).toEqual([
      { files: ['a.test.ts'], processors: 1 },
      { files: ['fastpath/race.test.ts'], processors: 2 },
    ]);
  });
});

describe('the page', () => {
  const measured = {
    all: [
      withFile(results('6.1', ran('a.test.ts', 'passed', 'skipped')), ran('b.test.ts', 'failed'), OLD),
      results('6.12'),
    ],
    files: ['a.test.ts', 'b.test.ts', 'c.test.ts'],
    inputs: now,
    kernels: 2,
    everywhere: [],
  };
  const page = pageWith('# Kernels\n\nWhat it is.\n', measured);

  test('counts files, stale ones among them, and tests', () => {
    expect(page).toMatch(
      /^\| 6\.1\.0-1-cloud-amd64 +\| Debian +\| 6\.1\.1-1 +\| 2 of 3 +\| 1 +\| 1 +\| 1 +\| 1 +\| 2 +\|/m,
    );
    expect(page).toMatch(/^\| 6\.12\.0-1-cloud-amd64 +\| Debian +\| 6\.12\.1-1 +\| 0 of 3 +\|/m);
  });

  test('tells of each file from what commit its result is, and whether it is stale', () => {
    expect(page).toMatch(/^\| a\.test\.ts +\| 1, 1 skipped \(bbbbbbb\) +\| +\|$/m);
    expect(page).toMatch(/^\| b\.test\.ts +\| 0, 1 failed \(stale, aaaaaaa\) +\| +\|$/m);
  });

  test('names what failed and what was skipped, with reasons', () => {
    expect(page).toContain('- failed: `b.test.ts: test 0`: expected 1 to be 2');
    expect(page).toContain(`- skipped: ${REASON}: \`a.test.ts: test 1\``);
    expect(pageWith('', { ...measured, everywhere: ['a.test.ts: test 1'] })).toContain(
      'Skipped by all kernels:\n\n- `a',
    );
  });

  test('has a verdict a kernel of the doctor, and what it found where it is not as expected', () => {
    const examined = withDoctor(results('6.1'), DIAGNOSIS, OLD);
    const text = pageWith('', { ...measured, all: [examined, results('6.12')] });
    expect(text).toMatch(/^\| probe +\| 6\.1 +\|$/m);
    expect(text).toMatch(/^\| peek +\| unsupported \|$/m);
    expect(text).toContain('- 6.1, peek: 0 of 1000 bytes kept (expected: kept)');
    expect(text).toContain('It took, emulated: 6.1: 21 s (stale, aaaaaaa).');
  });

  test('says how many files all kernels have run', () => {
    expect(page).toContain('0 files have run on all 2 kernels');
    const all = [results('6.1', ran('a.test.ts', 'passed')), results('6.12', ran('a.test.ts', 'passed'))];
    expect(pageWith('', { ...measured, all })).toContain('1 files have run on all 2 kernels');
  });

  test('keeps what is written and replaces what was measured', () => {
    const twice = pageWith(page, { ...measured, all: [results('6.12')] });
    expect(twice.startsWith(`# Kernels\n\nWhat it is.\n\n${PAGE_BEGIN}\n\n|`)).toBe(true);
    expect(twice).not.toContain('expected 1 to be 2');
  });
});
