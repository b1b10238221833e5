/** cases.yaml: which faults which requests meet. */
import { join } from 'node:path';
import { readRefused } from '../support/filter.ts';
import { readRuleCases } from '../support/rule-cases.ts';

interface Fault {
  /** 0: not at all. */
  readonly waitMs: number;
  /** Undefined: it reaches the upstream. */
  readonly abort: { readonly status: number; readonly details: string } | undefined;
}

const OUTCOME = /^(ok|(wait (?<wait>\d+))? ?((?<status>\d+) (?<rule>\w+))?)$/;

export const cases = readRuleCases(join(import.meta.dirname, 'cases.yaml'), (outcome): Fault => {
  const { wait, status, rule } = OUTCOME.exec(outcome)?.groups ?? {};
  const abort = status === undefined ? undefined : { status: Number(status), details: `shunt_fault[${rule}]` };
  return { waitMs: Number(wait ?? 0), abort };
});

export const refused = readRefused(join(import.meta.dirname, 'refused.yaml'));
