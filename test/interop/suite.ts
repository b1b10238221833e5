/** What a language's own test suite is here; one file for each, together in suites.ts. */
import type { Reader } from '../../src/generated/abi.ts';

export type Result = 'passed' | 'failed' | 'skipped';

/** By the test's full name. */
export type Results = ReadonlyMap<string, Result>;

/** Puts what it is given into a cgroup and a network namespace, as arguments before a command. */
export type Through = readonly string[];

export interface Suite {
  /** For people. */
  readonly title: string;
  /** Of the programs that run the tests. */
  readonly reader: (typeof Reader)[keyof typeof Reader];
  /** Why it cannot run on this machine; undefined: it can. */
  missing(): string | undefined;
  /** One line. */
  version(): string;
  /**
   * Runs all of it, or only these modules, and says how each test ended.
   *
   * @param dir a folder of its own, empty.
   * @throws when it could not be run, or said nothing.
   */
  run(through: Through, dir: string, modules?: readonly string[]): Results;
  /** The module that a test is of, for {@link run}. */
  moduleOf(test: string): string;
}
