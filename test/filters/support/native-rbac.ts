/**
 * Envoy's own RBAC filter with the rules of an authz configuration, to compare verdicts. Caller and port are known when a
 * route is made, so rules that ask for others are left out; methods and paths are left to Envoy.
 */
import type { AuthzConfiguration, AuthzPolicy, AuthzRule } from '../../../src/policy/l7.ts';
import { textRegExp } from '../../../src/policy/pattern.ts';
import type { Json } from './envoy.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.';
const TEMPLATE = 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

type Operation = NonNullable<AuthzRule['to']>[number];

/** The two filters, empty: routes fill them. */
export const nativeFilters: readonly Json[] = ['deny', 'allow'].map((name) => ({
  name: `native.${name}`,
  typed_config: { '@type': `${TYPE}RBAC` },
}));

/** `typed_per_filter_config` of a route from a source to a destination. */
export function nativeRoute(config: AuthzConfiguration, source: string, destination: string): Record<string, Json> {
  const caller = config.sources[source];
  const guard = config.destinations[destination];
  if (caller === undefined || guard === undefined) throw new Error(`${source} or ${destination} is not configured`);
  const policies = guard.policies.flatMap((index) => config.policies[index] ?? []);
  const of = (action: 'ALLOW' | 'DENY'): Json => {
    const mine = policies.filter((policy) => policy.action === action);
    if (mine.length === 0) return { '@type': `${TYPE}RBACPerRoute` };
    const rules = mine.map((policy): [string, Json] => [policy.name, translate(policy, caller, guard.port)]);
    const kept = Object.fromEntries(rules.filter(([, rule]) => rule !== null));
    return { '@type': `${TYPE}RBACPerRoute`, rbac: { rules: { action, policies: kept } } };
  };
  return { 'native.deny': of('DENY'), 'native.allow': of('ALLOW') };
}

/** null: no rule of it can match. */
function translate(
  { rules }: AuthzPolicy,
  { principal, namespace }: { principal: string; namespace: string },
  port: number,
): Json {
  const some = (patterns: readonly string[] | undefined, text: string): boolean =>
    patterns === undefined || patterns.some((pattern) => textRegExp(pattern).test(text));
  const permissions = rules
    .filter(({ from }) => from?.some((f) => some(f.principals, principal) && some(f.namespaces, namespace)) ?? true)
    .flatMap(({ to }) =>
      to === undefined
        ? [{ any: true }]
        : to.filter(({ ports }) => ports?.includes(String(port)) ?? true).map((operation) => permission(operation)),
    );
  return permissions.length === 0 ? null : { permissions, principals: [{ any: true }] };
}

function permission({ methods, paths }: Operation): Json {
  const rules: Json[] = [{ any: true }];
  if (methods !== undefined) rules.push({ or_rules: { rules: methods.map(methodRule) } });
  if (paths !== undefined) rules.push({ or_rules: { rules: paths.map(pathRule) } });
  return { and_rules: { rules } };
}

function methodRule(pattern: string): Json {
  const match = pattern === '*' ? { present_match: true } : { string_match: stringMatch(pattern) };
  return { header: { name: ':method', ...match } };
}

function pathRule(pattern: string): Json {
  if (!/[{}]/.test(pattern)) return { url_path: { path: stringMatch(pattern) } };
  const path_template = pattern.replaceAll('{**}', '**').replaceAll('{*}', '*');
  const name = 'envoy.path.match.uri_template.uri_template_matcher';
  return { uri_template: { name, typed_config: { '@type': TEMPLATE, path_template } } };
}

function stringMatch(pattern: string): { [key: string]: Json } {
  if (pattern === '*') return { safe_regex: { regex: '(?s).+' } };
  if (pattern.startsWith('*')) return { suffix: pattern.slice(1) };
  if (pattern.endsWith('*')) return { prefix: pattern.slice(0, -1) };
  return { exact: pattern };
}
