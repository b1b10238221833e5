import { describe, expect, test } from 'vitest';
import { PAGE_BEGIN, pageWith } from '../../../scripts/kernels/page.ts';
import {
  ANSWER_DELIMITER,
  answersOf,
  diagnosisOf,
  joined,
  type KernelResult,
  linesOf,
  merged,
  skippedEverywhere,
  testsOf,
} from '../../../scripts/kernels/result.ts';

const ROOT = '/checkout';
const SKIP = { skipReason: 'kernel 6.1: it lacks it' };

function report(...tests: { fullName: string; status: string; meta?: object }[]): string {
  const count = (status: string): number => tests.filter((each) => each.status === status).length;
  return JSON.stringify({
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('skipped'),
    numTodoTests: 0,
    testResults: [{ name: `${ROOT}/test/kernel/a.test.ts`, status: 'passed', assertionResults: tests }],
  });
}

function result(kernel: string, json: string, problem?: string): KernelResult {
  return {
    kernel,
    usedBy: 'Debian',
    release: `${kernel}.0-1-cloud-amd64`,
    version: `${kernel}.1-1`,
    date: '2026-01-31',
    seconds: 61,
    ...testsOf(json, true, ROOT),
    ...(problem === undefined ? {} : { problem }),
  };
}

const RAN = report({ fullName: 'one', status: 'passed' }, { fullName: 'two', status: 'passed' });
const SKIPPED = report({ fullName: 'one', status: 'passed' }, { fullName: 'two', status: 'skipped', meta: SKIP });

describe('the result of a kernel', () => {
  test('names each test by file, and says why it was skipped', () => {
    expect(testsOf(SKIPPED, true, ROOT)).toEqual({
      totals: { passed: 1, failed: 0, skipped: 1 },
      passed: ['a.test.ts: one'],
      failed: [],
      skipped: [{ test: 'a.test.ts: two', reason: SKIP.skipReason }],
    });
  });

  test('shows a skip without a reason as one', () => {
    const { skipped } = testsOf(report({ fullName: 'one', status: 'skipped', meta: {} }), true, ROOT);
    expect(skipped).toEqual([{ test: 'a.test.ts: one', reason: 'no reason given' }]);
  });

  test('is a failure when vitest left no report or a file did not load', () => {
    expect(testsOf('', false, ROOT).totals.failed).toBe(1);
    const broken = {
      name: `${ROOT}/test/kernel/b.test.ts`,
      status: 'failed',
      message: 'no such\nfile',
      assertionResults: [],
    };
    const json = JSON.stringify({ ...JSON.parse(report()), testResults: [broken] });
    expect(testsOf(json, false, ROOT)).toMatchObject({ totals: { failed: 1 }, failed: ['b.test.ts: no such'] });
  });

  test('is printed with kernel and reason of each skip, and with what became of the guest', () => {
    expect(linesOf(result('6.1', SKIPPED, 'no console'))).toEqual([
      '6.1 (6.1.0-1-cloud-amd64): 1 passed, 0 failed, 1 skipped (61 s)',
      '  the guest failed: no console',
      '  skipped on 6.1: a.test.ts: two: kernel 6.1: it lacks it',
    ]);
  });
});

test('a test that is skipped on one kernel and runs on another is not skipped everywhere', () => {
  expect(skippedEverywhere([result('6.1', SKIPPED), result('6.12', RAN)])).toEqual([]);
  expect(skippedEverywhere([result('6.1', SKIPPED), result('6.12', SKIPPED)])).toEqual(['a.test.ts: two']);
});

test('a later run replaces the files that it ran, and all when the kernel is another release', () => {
  const kept = result('6.1', SKIPPED);
  const other = { ...result('6.1', RAN), passed: ['b.test.ts: three'], totals: { passed: 1, failed: 0, skipped: 0 } };
  expect(merged(kept, other)).toMatchObject({
    totals: { passed: 2, failed: 0, skipped: 1 },
    passed: ['a.test.ts: one', 'b.test.ts: three'],
  });
  expect(merged(kept, result('6.1', RAN))).toEqual(result('6.1', RAN));
  expect(merged(kept, { ...other, release: '6.1.0-2-cloud-amd64' })?.passed).toEqual(other.passed);
  expect(merged(kept, result('6.1', '', 'no console'))).toBe(kept);
});

test('the parts of a run are one result, and a part that failed is seen', () => {
  const other = { ...result('6.1', RAN), passed: ['b.test.ts: three'], totals: { passed: 1, failed: 0, skipped: 0 } };
  const whole = joined(result('6.1', SKIPPED), { ...other, problem: 'no console' });
  expect(whole).toMatchObject({
    totals: { passed: 2, failed: 0, skipped: 1 },
    seconds: 122,
    problem: 'no console',
  });
});

describe('what a guest answers', () => {
  const finding = { id: 'peek', verdict: 'unsupported', found: '0 of 1000 bytes kept', expected: 'kept' };
  const doctor = JSON.stringify({ tookMs: 21_000, findings: [{ ...finding, title: 'MSG_PEEK' }], kernel: '6.1' });

  test('is the report of the tests and that of the doctor', () => {
    const { tests, doctor: printed } = answersOf(`${RAN}\n${ANSWER_DELIMITER}\n${doctor}\n`);
    expect(testsOf(tests, true, ROOT).totals.passed).toBe(2);
    expect(diagnosisOf(printed)).toEqual({ tookMs: 21_000, findings: [finding] });
  });

  test('may lack either', () => {
    expect(answersOf('')).toEqual({ tests: '', doctor: '' });
    for (const none of ['', 'Segmentation fault', '{}']) expect(diagnosisOf(none)).toBeUndefined();
  });

  test('keeps an earlier word of the doctor where a later run did not ask it', () => {
    const kept = { ...result('6.1', RAN), doctor: { tookMs: 1, findings: [finding] } };
    expect(merged(kept, result('6.1', SKIPPED))?.doctor).toEqual(kept.doctor);
  });

  test('is on the page: a verdict a kernel, and what was found where it is not as expected', () => {
    const examined = { ...result('6.1', RAN), doctor: { tookMs: 21_000, findings: [finding] } };
    const page = pageWith('# Kernels\n', [examined, result('6.12', RAN)], 3);
    expect(page).toMatch(/^\| probe +\| 6\.1 +\|$/m);
    expect(page).toMatch(/^\| peek +\| unsupported \|$/m);
    expect(page).toContain('- 6.1, peek: 0 of 1000 bytes kept (expected: kept)');
    expect(page).toContain('It took, emulated: 6.1: 21 s.');
  });
});

test('the page keeps what is written and replaces what was measured', () => {
  const once = pageWith('# Kernels\n\nWhat it is.\n', [result('6.1', SKIPPED)], 3);
  const twice = pageWith(once, [result('6.12', RAN)], 3);
  expect(once).toContain('- skipped: kernel 6.1: it lacks it: `a.test.ts: two`');
  expect(once).toMatch(
    /^\| 6\.1\.0-1-cloud-amd64 +\| Debian +\| 6\.1\.1-1 +\| 1 of 3 +\| 1 +\| 0 +\| 1 +\| 2026-01-31 \|$/m,
  );
  expect(twice.startsWith(`# Kernels\n\nWhat it is.\n\n${PAGE_BEGIN}\n\n|`)).toBe(true);
  expect(twice).not.toContain('skipped: kernel');
});
