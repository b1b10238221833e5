/** Visits every state that a model can reach, nearest first, so that the first broken invariant has a shortest trace. */

export interface Step<S> {
  /** What happens, named after the code that does it. */
  readonly name: string;
  readonly to: S;
}

export interface Model<S> {
  readonly start: S;
  /** Every single step that some part of the system may take next. */
  steps(state: S): Step<S>[];
  /** Equal for equal states, and for no others. */
  key(state: S): string;
  /** Names the invariant that the state breaks; undefined: none. `isLast`: no step leads on from here. */
  broken(state: S, isLast: boolean): string | undefined;
}

export interface Counterexample<S> {
  readonly invariant: string;
  /** Names of the steps from the start; no sequence of fewer steps breaks an invariant. */
  readonly trace: readonly string[];
  readonly state: S;
}

export interface Exploration<S> {
  readonly states: number;
  /** Names of all steps that were taken. */
  readonly names: ReadonlySet<string>;
  /** Undefined: every reachable state was visited and keeps all invariants. */
  readonly counterexample?: Counterexample<S>;
}

/** @throws Error when there are more states than `maxStates`: what was not visited proves nothing. */
export function explore<S>(model: Model<S>, maxStates: number): Exploration<S> {
  const states = [model.start];
  const parents = [-1];
  const arrivedBy = [''];
  const seen = new Set([model.key(model.start)]);
  const names = new Set<string>();

  const trace = (index: number): string[] => {
    const steps: string[] = [];
    for (let at = index; parents[at] !== -1; at = parents[at]!) steps.unshift(arrivedBy[at]!);
    return steps;
  };

  for (let index = 0; index < states.length; index++) {
    const state = states[index]!;
    const steps = model.steps(state);
    const invariant = model.broken(state, steps.length === 0);
    if (invariant !== undefined) {
      return { states: states.length, names, counterexample: { invariant, trace: trace(index), state } };
    }
    for (const { name, to } of steps) {
      names.add(name);
      const key = model.key(to);
      if (seen.has(key)) continue;
      if (states.length === maxStates) throw new Error(`more than ${maxStates} states`);
      seen.add(key);
      states.push(to);
      parents.push(index);
      arrivedBy.push(name);
    }
  }
  return { states: states.length, names };
}
