import { describe, expect, it } from 'vitest';
import type { LoadReport } from '../../../examples/shop/load/report.ts';
import { ShareMeter } from '../../../examples/shop/start/share.ts';
import { type Observed, type ShopSummary, summaryOf } from '../../../examples/shop/start/summary.ts';

const one = { median: 1, min: 1, max: 1, count: 5 };
const phases = { perSecond: one, p50Ms: one, p99Ms: one };

const report: LoadReport = {
  time: '2026-01-01T00:00:00.000Z',
  ready: true,
  seconds: 30,
  counts: {
    requests: 100,
    allowed: 80,
    denied: 20,
    expectedDenied: 20,
    wronglyAllowed: 0,
    wronglyDenied: 0,
    errors: 0,
    bytes: 1,
  },
  latency: { p50Ms: 1, p99Ms: 2 },
  interval: { requests: 10, p50Ms: 1, p99Ms: 2 },
  uploads: { done: 9, equal: 9, different: 0, timeouts: 0, failed: 0, bytes: 1, equalSizes: [1, 10_000_000] },
  intruder: { attempts: 30, refused: 30, reached: 0, errors: 0 },
};

const good: Observed = {
  instance: 'shop',
  report,
  fastPath: { redirectedBytes: 95, safeReaderBytes: 100, share: 0.95, bytes: {} },
  memory: { envoyPssBytes: 1, supervisorPssBytes: 1 },
  measurement: { rounds: 5, phaseMs: 900, on: phases, paused: phases, ratio: phases, failed: 0, shareOn: 1 },
  ranToTheEnd: true,
  leftovers: [],
};

function failedClaims(summary: ShopSummary): string[] {
  return summary.claims.filter(({ held }) => !held).map(({ claim }) => claim);
}

/** `good`, with other counts. */
function counting(counts: Partial<LoadReport['counts']>): Observed {
  return { ...good, report: { ...report, counts: { ...report.counts, ...counts } } };
}

describe('summaryOf', () => {
  it('is ok when every claim held', () => {
    expect(failedClaims(summaryOf(good))).toEqual([]);
    expect(summaryOf(good).ok).toBe(true);
  });

  it.each<[string, Observed, string]>([
    ['one denial too few', counting({ denied: 19 }), 'exactly what the policy denies was denied'],
    [
      'nothing had to be denied',
      counting({ denied: 0, expectedDenied: 0 }),
      'exactly what the policy denies was denied',
    ],
    ['a wrong denial', counting({ wronglyDenied: 1 }), 'exactly what the policy denies was denied'],
    ['nothing allowed', counting({ allowed: 0 }), 'requests were allowed'],
    ['a failed request', counting({ errors: 1 }), 'no request failed'],
    [
      'a connection that got through',
      { ...good, report: { ...report, intruder: { ...report.intruder, refused: 29, reached: 1 } } },
      'a connection that policy denies is refused by the kernel',
    ],
    [
      'an upload that timed out',
      { ...good, report: { ...report, uploads: { ...report.uploads, equal: 8, timeouts: 1 } } },
      'uploads came back equal, none timed out',
    ],
    [
      'no large upload',
      { ...good, report: { ...report, uploads: { ...report.uploads, equalSizes: [1] } } },
      'uploads of 1 B to 10 MB were among them',
    ],
    [
      'a low share',
      { ...good, fastPath: { redirectedBytes: 89, safeReaderBytes: 100, share: 0.89, bytes: {} } },
      'at least 90 % of the bytes towards safe readers took the fast path',
    ],
    ['something left', { ...good, leftovers: ['/run/shunt/shop'] }, 'nothing of it is left on the machine'],
    ['no comparison', { ...good, measurement: undefined }, 'the client was compared on and paused'],
    ['no report', { ...good, report: undefined }, 'the Services answered'],
  ])('is not ok with %s', (_, observed, claim) => {
    const summary = summaryOf(observed);
    expect(failedClaims(summary)).toEqual([claim]);
    expect(summary.ok).toBe(false);
  });

  it('is not ok after an error, though every claim held', () => {
    const summary = summaryOf({ ...good, error: 'the supervisor ended' });
    expect(failedClaims(summary)).toEqual([]);
    expect(summary.ok).toBe(false);
  });

  it('asks for no comparison of a run that was interrupted', () => {
    expect(summaryOf({ ...good, measurement: undefined, ranToTheEnd: false }).ok).toBe(true);
  });
});

describe('ShareMeter', () => {
  const at = (redirectedBytes: number, safeReaderBytes: number) => ({
    redirectedBytes,
    safeReaderBytes,
    bytes: { redirected: redirectedBytes, handover: safeReaderBytes - redirectedBytes },
  });

  it('counts from the first look on', () => {
    const share = new ShareMeter();
    share.add(at(1000, 5000));
    share.add(at(1090, 5100));
    expect(share.total()).toEqual({
      redirectedBytes: 90,
      safeReaderBytes: 100,
      share: 0.9,
      bytes: { redirected: 90, handover: 10 },
    });
  });

  it('leaves out what was sent between a skip and the next look', () => {
    const share = new ShareMeter();
    share.add(at(0, 0));
    share.add(at(100, 100));
    share.skip();
    share.add(at(100, 900));
    share.add(at(200, 1000));
    expect(share.total().share).toBe(1);
  });

  it('has no share when nothing was sent', () => {
    expect(new ShareMeter().total().share).toBeNull();
  });
});
