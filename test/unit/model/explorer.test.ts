import { describe, expect, it } from 'vitest';
import { explore, type Model } from './explorer.ts';

/** A counter from 0 to `last` that steps by one or two; it must not be, or not end at, `forbidden`. */
function counter(last: number, forbidden?: number, onlyLast = false): Model<number> {
  return {
    start: 0,
    key: String,
    broken: (state, isLast) => (state === forbidden && (isLast || !onlyLast) ? 'forbidden' : undefined),
    steps: (state) => [1, 2].filter((by) => state + by <= last).map((by) => ({ name: `add ${by}`, to: state + by })),
  };
}

describe('explore', () => {
  it('visits every state once', () => {
    const { states, names, counterexample } = explore(counter(100), 1000);
    expect(states).toBe(101);
    expect([...names].sort()).toEqual(['add 1', 'add 2']);
    expect(counterexample).toBeUndefined();
  });

  it('finds a shortest trace to a broken invariant', () => {
    expect(explore(counter(100, 5), 1000).counterexample).toEqual({
      invariant: 'forbidden',
      trace: ['add 1', 'add 2', 'add 2'],
      state: 5,
    });
  });

  it('sees a start that is broken', () => {
    expect(explore(counter(1, 0), 10).counterexample?.trace).toEqual([]);
  });

  it('tells a state that nothing leads on from', () => {
    expect(explore(counter(9, 9, true), 100).counterexample?.state).toBe(9);
    expect(explore(counter(9, 8, true), 100).counterexample).toBeUndefined();
  });

  it('fails rather than leave states unvisited', () => {
    expect(() => explore(counter(100), 50)).toThrow('more than 50 states');
  });
});
