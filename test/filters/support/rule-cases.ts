/** cases.yaml of a filter whose configuration is a list of rules: which requests meet what. */
import { readFileSync } from 'node:fs';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { parse } from 'yaml';

export interface RuleCase<Outcome> {
  readonly name: string;
  /** Each case has a name, and so buckets and counters, of its own. */
  readonly configuration: { readonly name: string; readonly rules: readonly object[] };
  readonly requests: readonly (Asked & Outcome)[];
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
}

interface Row {
  name: string;
  rules: object[];
  requests: [line: string, headers: Record<string, string | string[]>, outcome: string][];
}

/** `outcomeOf`: what the third column says. */
export function readRuleCases<Outcome>(path: string, outcomeOf: (text: string) => Outcome): RuleCase<Outcome>[] {
  const rows = parse(readFileSync(path, 'utf8')) as Row[];
  return rows.map(({ name, rules, requests }, index) => ({
    name,
    configuration: { name: `case${index}`, rules },
    requests: requests.map(([line, headers, outcome]) => {
      const [method = '', path = ''] = line.split(' ');
      const list = Object.entries(headers).flatMap(([header, values]) =>
        [values].flat().map((value): [string, string] => [header, value]),
      );
      return { method, path, headers: list, ...outcomeOf(outcome) };
    }),
  }));
}
