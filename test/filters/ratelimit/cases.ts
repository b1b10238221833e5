/** cases.yaml: who is limited by which rule. */
import { join } from 'node:path';
import { readRefused } from '../support/filter.ts';
import { readRuleCases } from '../support/rule-cases.ts';

/** `outcome`: `ok` or the name of the rule that limits the request. */
export const cases = readRuleCases(join(import.meta.dirname, 'cases.yaml'), (outcome) => ({ outcome }));

export const refused = readRefused(join(import.meta.dirname, 'refused.yaml'));
