/** The cases of cases.yaml, merged into one configuration: a group is a destination of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { AuthzConfiguration, AuthzPolicy } from '../../../src/policy/l7.ts';

export interface Case {
  readonly group: string;
  /** The destination's cluster. */
  readonly cluster: string;
  /** Name of the caller; unknown to the configuration where `sources` lacks it. */
  readonly source: string;
  readonly method: string;
  /** One character a byte. */
  readonly path: string;
  readonly allowed: boolean;
  /** Short name of the policy, `none` or `unknown-source`; undefined: allowed because no ALLOW policy is there. */
  readonly by: string | undefined;
  /** What the response details say of a denial. */
  readonly details: string;
  /** Envoy answers 400 to it over HTTP/1 before any filter: a byte above ASCII, a method that it does not know. */
  readonly malformed: boolean;
}

interface Group {
  name: string;
  port?: number;
  policies: AuthzPolicy[];
  requests: [source: string, method: string, path: string, verdict: string][];
}

const file = parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')) as {
  sources: AuthzConfiguration['sources'];
  groups: Group[];
};

const prefixOf = (index: number): string => `g${index}`;

export function configuration(): AuthzConfiguration {
  const policies: AuthzPolicy[] = [];
  const destinations = file.groups.map(({ port = 8080, policies: own }, index) => {
    const first = policies.length;
    policies.push(...own.map((policy) => ({ ...policy, name: `${prefixOf(index)}/${policy.name}` })));
    return [clusterOf(index), { port, policies: own.map((_, offset) => first + offset) }] as const;
  });
  return { sources: file.sources, destinations: Object.fromEntries(destinations), policies };
}

function clusterOf(index: number): string {
  return `${prefixOf(index)}:${file.groups[index]?.port ?? 8080}`;
}

export const cases: Case[] = file.groups.flatMap(({ name, requests }, index) =>
  requests.map(([source, method, path, verdict]) => {
    const [outcome, by] = verdict.split(' ');
    const allowed = outcome === 'allow';
    const policy = by === undefined || by === 'none' || by.startsWith('unknown') ? by : `${prefixOf(index)}/${by}`;
    const malformed = /[^!-~]/.test(path) || method === 'BREW';
    const details = allowed ? '' : `shunt_denied[${policy}]`;
    return { group: name, cluster: clusterOf(index), source, method, path, allowed, by: policy, details, malformed };
  }),
);
