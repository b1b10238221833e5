/** cases.yaml: which labels an exchange has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { parse } from 'yaml';
import { readRefused } from '../support/filter.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Case {
  readonly name: string;
  readonly send: {
    readonly host: string;
    readonly method?: string;
    readonly body?: string;
    readonly headers?: HeaderList;
    readonly respond?: HeaderList;
  };
  readonly facts: Readonly<Record<string, string | number>>;
  /** All of them. */
  readonly labels: Labels;
}

const file = parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')) as { always: Labels; cases: Case[] };

export const cases: Case[] = file.cases.map((one) => ({ ...one, labels: { ...file.always, ...one.labels } }));

export const refused = readRefused(join(import.meta.dirname, 'refused.yaml'));

/** What cases.yaml is about. */
export const configuration = {
  reporter: 'destination',
  labels: {
    source_workload: '%{xds.listener_metadata.filter_metadata.shunt.source|unknown}',
    source_principal: '%{connection.uri_san_peer_certificate}',
    destination_service: '%{xds.cluster_name|}',
    route_name: '%{xds.route_name|unknown}',
    tier: '%{request.headers.x-tier}',
  },
};
