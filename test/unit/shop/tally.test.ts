import { describe, expect, it } from 'vitest';
import type { PlannedRequest } from '../../../examples/shop/load/requests.ts';
import { DENIED_BODY, judge, Tally } from '../../../examples/shop/load/tally.ts';

const allowed: PlannedRequest = { target: 'web', method: 'GET', path: '/', expect: 'allow', body: 'page' };
const denied: PlannedRequest = { target: 'api', method: 'POST', path: '/items/1', expect: 'deny' };
const denial = { status: 403, body: DENIED_BODY };

describe('judge', () => {
  it('takes only the right body for allowed', () => {
    expect(judge(allowed, { status: 200, body: 'page' })).toBe('allowed');
    expect(judge(allowed, { status: 200, body: 'pag' })).toBe('error');
    expect(judge(allowed, { status: 503, body: 'page' })).toBe('error');
  });

  it("takes only the policy's own answer for denied", () => {
    expect(judge(denied, denial)).toBe('denied');
    expect(judge(allowed, denial)).toBe('wronglyDenied');
  });

  it('sees that a request passed the policy, whatever the service answered to it', () => {
    expect(judge(denied, { status: 200, body: 'done' })).toBe('wronglyAllowed');
    expect(judge(denied, { status: 405, body: 'read only' })).toBe('wronglyAllowed');
    expect(judge(denied, { status: 403, body: 'Forbidden by nginx' })).toBe('wronglyAllowed');
  });

  it('does not call a broken proxy a denial', () => {
    expect(judge(denied, { status: 503, body: '' })).toBe('error');
  });
});

describe('Tally', () => {
  it('counts every request once and knows how many had to be denied', () => {
    const tally = new Tally();
    tally.answered(allowed, { status: 200, body: 'page' }, 1);
    tally.answered(denied, denial, 1);
    tally.answered(denied, { status: 200, body: '' }, 1);
    tally.failed(denied, new Error('reset'));
    expect(tally.counts).toEqual({
      requests: 4,
      allowed: 1,
      denied: 1,
      expectedDenied: 3,
      wronglyAllowed: 1,
      wronglyDenied: 0,
      errors: 1,
      bytes: 4 + DENIED_BODY.length,
    });
    expect(tally.lastError).toBe('POST api/items/1: reset');
  });

  it('forgets the latency of an interval, and not that of the whole', () => {
    const tally = new Tally();
    tally.answered(allowed, { status: 200, body: 'page' }, 8);
    expect(tally.takeInterval().requests).toBe(1);
    expect(tally.takeInterval()).toEqual({ requests: 0, p50Ms: 0, p99Ms: 0 });
    expect(tally.latency().p50Ms).toBeCloseTo(8, 1);
  });
});
