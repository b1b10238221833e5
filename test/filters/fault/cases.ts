/** cases.yaml: which faults which requests meet. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { parse } from 'yaml';
import { readRefused } from '../support/filter.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  /** 0: not at all. */
  readonly waitMs: number;
  /** Undefined: it reaches the upstream. */
  readonly abort: { readonly status: number; readonly details: string } | undefined;
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

export const cases: Case[] = rows.map(({ name, rules, requests }, index) => ({
  name,
  configuration: { name: `case${index}`, rules },
  requests: requests.map(([line, headers, outcome]) => {
    const [method = '', path = ''] = line.split(' ');
    const list = Object.entries(headers).flatMap(([header, values]) =>
      [values].flat().map((value): [string, string] => [header, value]),
    );
    const { wait, status, rule } =
      /^(ok|(wait (?<wait>\d+))? ?((?<status>\d+) (?<rule>\w+))?)$/.exec(outcome)?.groups ?? {};
    const abort = status === undefined ? undefined : { status: Number(status), details: `shunt_fault[${rule}]` };
    return { method, path, headers: list, waitMs: Number(wait ?? 0), abort };
  }),
}));

export const refused = readRefused(join(import.meta.dirname, 'refused.yaml'));
