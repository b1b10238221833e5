/** cases.yaml: who is limited by which rule. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { parse } from 'yaml';
import { readRefused } from '../support/filter.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  /** `ok` or the name of the rule that limits it. */
  readonly outcome: string;
}

export interface Case {
  readonly name: string;
  readonly configuration: { readonly name: string; readonly rules: readonly object[] };
  readonly requests: readonly Asked[];
}

interface Row {
  name: string;
  rules: object[];
  requests: [line: string, headers: Record<string, string | string[]>, outcome: string][];
}

const rows = parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')) as Row[];

/** Each case has a name, and so buckets, of its own. */
export const cases: Case[] = rows.map(({ name, rules, requests }, index) => ({
  name,
  configuration: { name: `case${index}`, rules },
  requests: requests.map(([line, headers, outcome]) => {
    const [method = '', path = ''] = line.split(' ');
    const list = Object.entries(headers).flatMap(([header, values]) =>
      [values].flat().map((value): [string, string] => [header, value]),
    );
    return { method, path, headers: list, outcome };
  }),
}));

export const refused = readRefused(join(import.meta.dirname, 'refused.yaml'));
