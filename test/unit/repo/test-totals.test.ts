import { describe, expect, it } from 'vitest';
import { addTotals, closingLine, parseTestArguments, totalsOf } from '../../../scripts/test-totals.ts';

function report(testResults: { status: string; assertionResults: { status: string }[] }[]): string {
  const all = testResults.flatMap((file) => file.assertionResults);
  const count = (status: string) => all.filter((test) => test.status === status).length;
  return JSON.stringify({
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('pending'),
    numTodoTests: count('todo'),
    testResults,
  });
}
const test = (status: string) => ({ status });

describe('parseTestArguments', () => {
  it('runs all tiers in order when none is named', () => {
    expect(parseTestArguments([])).toEqual({ tiers: ['unit', 'filters', 'kernel', 'e2e'], forwarded: [] });
  });

  it('runs real programs only when asked to', () => {
    expect(parseTestArguments(['programs', 'unit']).tiers).toEqual(['unit', 'programs']);
    expect(parseTestArguments(['interop']).tiers).toEqual(['interop']);
  });

  it('runs the named tiers in their order and forwards the rest to vitest', () => {
    expect(parseTestArguments(['e2e', 'unit', 'setup', '-t', 'second run'])).toEqual({
      tiers: ['unit', 'e2e'],
      forwarded: ['setup', '-t', 'second run'],
    });
  });
});

describe('totalsOf', () => {
  it('counts pending and todo tests as skipped', () => {
    const json = report([
      { status: 'passed', assertionResults: [test('passed'), test('pending'), test('todo'), test('passed')] },
    ]);
    expect(totalsOf(json, true)).toEqual({ passed: 2, failed: 0, skipped: 2 });
  });

  it('counts a file that could not be loaded as a failed test', () => {
    const json = report([
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: [test('failed'), test('passed')] },
    ]);
    expect(totalsOf(json, false)).toEqual({ passed: 1, failed: 2, skipped: 0 });
  });

  it('counts a failure outside of any test, such as an unhandled rejection', () => {
    const json = report([{ status: 'passed', assertionResults: [test('passed')] }]);
    expect(totalsOf(json, false)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it('counts a crash of vitest itself as a failure', () => {
    expect(totalsOf(undefined, false)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

it('sums the tiers in the line that CI reads', () => {
  const sum = addTotals({ passed: 3, failed: 1, skipped: 0 }, { passed: 4, failed: 0, skipped: 2 });
  expect(closingLine(sum)).toBe('7 passed, 1 failed, 2 skipped');
});
