/** The cases of cases.yaml, merged into one configuration: a group is a destination of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Claims } from '../../../src/policy/facts.ts';
import type { AuthzConfiguration, AuthzPolicy } from '../../../src/policy/l7.ts';

/** The peer of every connection, where the configuration does not say the caller's address; and what it is made to. */
export const LOOPBACK = '127.0.0.1';

export interface Case {
  readonly group: string;
  /** The destination's cluster. */
  readonly cluster: string;
  /** Name of the caller; unknown to the configuration where `sources` lacks it. */
  readonly source: string;
  readonly method: string;
  /** One character a byte. */
  readonly path: string;
  readonly host: string;
  /** One character a byte; a name as often as it is repeated. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Whom x-forwarded-for says. Absent: there is none. */
  readonly remote?: string;
  readonly claims?: Claims;
  /** Absent: no TLS. Not for listeners in plain text. */
  readonly sni?: string;
  readonly allowed: boolean;
  /** Short name of the policy, `none` or `unknown-source`; undefined: allowed because no ALLOW policy is there. */
  readonly by: string | undefined;
  /** What the response details say of a denial. */
  readonly details: string;
  /** Verdict of the dry-run policies, and the policy that gave it. Absent: there are none. */
  readonly shadow?: { readonly allowed: boolean; readonly by: string | undefined };
  /** AUDIT policies that match. */
  readonly audited: readonly string[];
  /** Envoy answers 400 to it over HTTP/1 before any filter: a byte above ASCII, a method that it does not know. */
  readonly malformed: boolean;
  /** In one line. */
  readonly what: string;
}

interface More {
  host?: string;
  headers?: Record<string, string | string[]>;
  remote?: string;
  claims?: Claims;
  sni?: string;
  shadow?: string;
  audited?: string[];
}

interface Group {
  name: string;
  port?: number;
  address?: string;
  policies: AuthzPolicy[];
  requests: [source: string, method: string, path: string, verdict: string, more?: More][];
}

const file = parse(readFileSync(join(import.meta.dirname, 'cases.yaml'), 'utf8')) as {
  sources: AuthzConfiguration['sources'];
  groups: Group[];
};

const prefixOf = (index: number): string => `g${index}`;

export function configuration(): AuthzConfiguration {
  const policies: AuthzPolicy[] = [];
  const destinations = file.groups.map(({ port = 8080, address, policies: own }, index) => {
    const first = policies.length;
    policies.push(...own.map((policy) => ({ ...policy, name: `${prefixOf(index)}/${policy.name}` })));
    const where = { port, ...(address === undefined ? {} : { address }) };
    return [clusterOf(index), { ...where, policies: own.map((_, offset) => first + offset) }] as const;
  });
  return { sources: file.sources, destinations: Object.fromEntries(destinations), policies };
}

function clusterOf(index: number): string {
  return `${prefixOf(index)}:${file.groups[index]?.port ?? 8080}`;
}

export const cases: Case[] = file.groups.flatMap(({ name, requests }, index) =>
  requests.map(([source, method, path, verdict, more = {}]) => {
    const { host = 'api.test', headers = {}, remote, claims, sni, shadow, audited = [] } = more;
    const { allowed, by } = verdictOf(verdict, index);
    return {
      group: name,
      cluster: clusterOf(index),
      source,
      method,
      path,
      host,
      headers: Object.entries(headers).flatMap(([key, values]) =>
        [values].flat().map((value) => [key, value] as const),
      ),
      ...(remote === undefined ? {} : { remote }),
      ...(claims === undefined ? {} : { claims }),
      ...(sni === undefined ? {} : { sni }),
      allowed,
      by,
      details: allowed ? '' : `shunt_denied[${by}]`,
      ...(shadow === undefined ? {} : { shadow: verdictOf(shadow, index) }),
      audited: audited.map((policy) => `${prefixOf(index)}/${policy}`),
      malformed: /[^!-~]/.test(path) || method === 'BREW',
      what: `${name}: ${source} ${method} ${path}${Object.keys(more).length === 0 ? '' : ` ${JSON.stringify(more)}`}`,
    };
  }),
);

/** `allow`, `allow POLICY`, `deny POLICY`, `deny none`, `deny unknown-source`. */
function verdictOf(text: string, group: number): { allowed: boolean; by: string | undefined } {
  const [outcome, by] = text.split(' ');
  const policy = by === undefined || by === 'none' || by.startsWith('unknown') ? by : `${prefixOf(group)}/${by}`;
  return { allowed: outcome === 'allow', by: policy };
}
