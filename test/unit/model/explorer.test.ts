import { describe, expect, it } from 'vitest';
import { explore, type Model } from './explorer.ts';

/** A counter from 0 to `last` that steps by one or two. */
function counter(last: number, forbidden?: number): Model<number> {
  return {
    start: 0,
    key: String,
    broken: (state) => (state === forbidden ? 'forbidden' : undefined),
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

  it('fails rather than leave states unvisited', () => {
    expect(() => explore(counter(100), 50)).toThrow('more than 50 states');
  });
});
