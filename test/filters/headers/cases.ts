/** cases.yaml: what the headers filter makes of requests and responses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { parse } from 'yaml';
import { readRefused } from '../support/filter.ts';

interface Row {
  readonly name: string;
  readonly config: object;
  readonly sent: HeaderList;
  readonly expected: HeaderList;
  /** Absent: it holds for both. */
  readonly where?: 'request' | 'response';
}

export interface Case extends Required<Row> {
  /** Configuration of the filter. */
  readonly configuration: object;
}

const rows = parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')) as Row[];

export const cases: Case[] = rows.flatMap((row) =>
  (['request', 'response'] as const)
    .filter((where) => row.where === undefined || row.where === where)
    .map((where) => ({ ...row, where, configuration: { [where]: row.config } })),
);

export const refused = readRefused(join(import.meta.dirname, 'refused.yaml'));

/** What cases speak of, by name; order of the values of one name counts. */
export function relevant(headers: HeaderList): HeaderList {
  return headers
    .filter(([name]) => /^x-[a-d]+$/.test(name) || name === 'set-cookie')
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
