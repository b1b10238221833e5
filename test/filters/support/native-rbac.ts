/**
 * Envoy's own RBAC filter with the rules of an authz configuration, to compare verdicts: what Istio makes of a policy. Caller
 * and port, and addresses that the configuration says, are known when a route is made; all else is left to Envoy.
 */
import type { PolicyCondition } from '../../../src/config/model.ts';
import { inBlock } from '../../../src/policy/facts.ts';
import type { AuthzConfiguration, AuthzRule, AuthzSource } from '../../../src/policy/l7.ts';
import { textRegExp } from '../../../src/policy/pattern.ts';
import type { Json } from './envoy.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.';
const TEMPLATE = 'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig';

/** The two filters, empty: routes fill them. */
export const nativeFilters: readonly Json[] = ['deny', 'allow'].map((name) => ({
  name: `native.${name}`,
  typed_config: { '@type': `${TYPE}RBAC` },
}));

/** What is known when a route is made. */
interface Known {
  readonly caller: AuthzSource;
  readonly port: number;
  readonly address: string | undefined;
}

/** `typed_per_filter_config` of a route from a source to a destination. AUDIT policies are left out; dry runs are shadow rules. */
export function nativeRoute(config: AuthzConfiguration, source: string, destination: string): Record<string, Json> {
  const caller = config.sources[source];
  const guard = config.destinations[destination];
  if (caller === undefined || guard === undefined) throw new Error(`${source} or ${destination} is not configured`);
  const known = { caller, port: guard.port, address: guard.address };
  const policies = guard.policies.flatMap((index) => config.policies[index] ?? []);
  const rulesOf = (action: 'ALLOW' | 'DENY', dryRun: boolean): Json | undefined => {
    const mine = policies.filter((policy) => policy.action === action && (policy.dryRun ?? false) === dryRun);
    const rules = mine.flatMap(({ name, rules: own }) =>
      own.map((rule, index): [string, Json] => [`${name}#${index}`, translate(rule, known)]),
    );
    return mine.length === 0 ? undefined : { action, policies: Object.fromEntries(rules) };
  };
  const of = (action: 'ALLOW' | 'DENY'): Json => {
    const rules = rulesOf(action, false);
    const shadow_rules = rulesOf(action, true);
    if (rules === undefined && shadow_rules === undefined) return { '@type': `${TYPE}RBACPerRoute` };
    const rbac = { rules, shadow_rules, shadow_rules_stat_prefix: `${action}_` };
    return { '@type': `${TYPE}RBACPerRoute`, rbac };
  };
  return { 'native.deny': of('DENY'), 'native.allow': of('ALLOW') };
}

/** What a response header of a native route says of the dry-run policies: `denied` or `allowed` of DENY and ALLOW, else `-`. */
export const nativeShadow: Json = ['DENY', 'ALLOW'].map((action) => ({
  header: {
    key: `x-shadow-${action.toLowerCase()}`,
    value: `%DYNAMIC_METADATA(envoy.filters.http.rbac:${action}_shadow_engine_result)%`,
  },
}));

/** A policy of RBAC: any of its permissions and any of its principals. */
function translate({ from = [], to = [], when = [] }: AuthzRule, known: Known): Json {
  const conditions = when.map((condition) => matchersOf(condition, known));
  const all = (entry: object): Part[] =>
    Object.entries(entry).map(([field, values]) => matcherOf(field, values, known));
  const principals = from.map((entry) => andIds(all(entry)));
  const permissions = to.map((entry) => andRules(all(entry)));
  const parts = conditions.flat();
  return {
    principals: [{ and_ids: { ids: [orIds(principals), ...parts.filter(isId).map(({ id }) => id)] } }],
    permissions: [{ and_rules: { rules: [orRules(permissions), ...parts.filter(isRule).map(({ rule }) => rule)] } }],
  };
}

/** A matcher is a principal or a permission of RBAC; a constant is both. */
type Part = { readonly id: Json } | { readonly rule: Json } | { readonly holds: boolean };

const isId = (part: Part): part is { id: Json } => 'id' in part || 'holds' in part;
const isRule = (part: Part): part is { rule: Json } => 'rule' in part;

const ANY = { any: true };
const orIds = (ids: readonly Json[]): Json => (ids.length === 0 ? ANY : { or_ids: { ids } });
const orRules = (rules: readonly Json[]): Json => (rules.length === 0 ? ANY : { or_rules: { rules } });

function andIds(parts: readonly Part[]): Json {
  return {
    and_ids: { ids: parts.map((part) => ('holds' in part ? constantId(part.holds) : (part as { id: Json }).id)) },
  };
}

function andRules(parts: readonly Part[]): Json {
  const rules = parts.map((part) => {
    if ('holds' in part) return part.holds ? ANY : { not_rule: ANY };
    return (part as { rule: Json }).rule;
  });
  return { and_rules: { rules } };
}

const constantId = (holds: boolean): Json => (holds ? ANY : { not_id: ANY });

const FIELDS: Readonly<Record<string, string>> = {
  principals: 'source.principal',
  namespaces: 'source.namespace',
  ipBlocks: 'source.ip',
  remoteIpBlocks: 'remote.ip',
  requestPrincipals: 'request.auth.principal',
  ports: 'destination.port',
};

function matchersOf({ key, values, notValues }: PolicyCondition, known: Known): Part[] {
  const parts: Part[] = [];
  if (values !== undefined) parts.push(simplified(matcher(key, values, known)));
  if (notValues !== undefined) parts.push(simplified(negated(matcher(key, notValues, known))));
  return parts;
}

/** A constant as a principal. */
function simplified(part: Part): Part {
  return 'holds' in part ? { id: constantId(part.holds) } : part;
}

function matcherOf(field: string, values: readonly string[], known: Known): Part {
  const name = field.replace(/^not(.)/, (_, first: string) => first.toLowerCase());
  const part = matcher(FIELDS[name] ?? name, values, known);
  return name === field ? part : negated(part);
}

function negated(part: Part): Part {
  if ('holds' in part) return { holds: !part.holds };
  return 'id' in part ? { id: { not_id: part.id } } : { rule: { not_rule: part.rule } };
}

function matcher(key: string, values: readonly string[], { caller, port, address }: Known): Part {
  const text = (value: string): Part => ({ holds: values.some((pattern) => textRegExp(pattern).test(value)) });
  const ids = (make: (value: string) => Json): Part => ({ id: orIds(values.map(make)) });
  const rules = (make: (value: string) => Json): Part => ({ rule: orRules(values.map(make)) });
  switch (key) {
    case 'source.principal':
      return text(caller.principal);
    case 'source.namespace':
      return text(caller.namespace);
    case 'destination.port':
      return { holds: values.includes(String(port)) };
    case 'source.ip':
      if (caller.address !== undefined) return { holds: values.some((value) => inBlock(value, caller.address)) };
      return ids((value) => ({ direct_remote_ip: range(value) }));
    case 'remote.ip':
      return ids((value) => ({ remote_ip: range(value) }));
    case 'destination.ip':
      if (address !== undefined) return { holds: values.some((value) => inBlock(value, address)) };
      return rules((value) => ({ destination_ip: range(value) }));
    case 'connection.sni':
      return rules((value) => ({ requested_server_name: stringMatch(value) }));
    case 'hosts':
      return rules((value) => ({ header: headerMatch(':authority', value, { ignore_case: true }) }));
    case 'methods':
      return rules((value) => ({ header: headerMatch(':method', value) }));
    case 'paths':
      return rules(pathRule);
    case 'request.auth.principal':
      return ids(requestPrincipal);
    case 'request.auth.audiences':
      return ids((value) => claim(['aud'], stringMatch(value)));
    case 'request.auth.presenter':
      return ids((value) => claim(['azp'], stringMatch(value)));
  }
  const header = /^request\.headers\[(.*)\]$/.exec(key)?.[1];
  if (header !== undefined) return ids((value) => ({ header: headerMatch(header, value) }));
  const path = /^request\.auth\.claims\[(.*)\]$/.exec(key)?.[1] ?? '';
  return ids((value) => claim(path.split(']['), stringMatch(value)));
}

function range(block: string): Json {
  const [address_prefix = '', length] = block.split('/');
  return { address_prefix, prefix_len: Number(length ?? (address_prefix.includes(':') ? 128 : 32)) };
}

function headerMatch(name: string, pattern: string, more: { [key: string]: Json } = {}): Json {
  const match = pattern === '*' ? { present_match: true } : { string_match: { ...stringMatch(pattern), ...more } };
  return { name, ...match };
}

/** A text, or a list with such a text in it. */
function claim(path: readonly string[], string_match: Json): Json {
  const value_matchers = [{ string_match }, { list_match: { one_of: { string_match } } }];
  return claimMatch(path, { or_match: { value_matchers } });
}

function claimMatch(path: readonly string[], value: Json): Json {
  const filter = 'envoy.filters.http.jwt_authn';
  return { metadata: { filter, path: ['payload', ...path].map((key) => ({ key })), value } };
}

/** Istio takes it apart at the last slash: the issuer may be a URL. */
function requestPrincipal(pattern: string): Json {
  const any = stringMatch('*');
  const slash = pattern.lastIndexOf('/');
  const issuer = pattern.slice(0, Math.max(slash, 0));
  const subject = pattern.slice(slash + 1);
  let both: [Json, Json] = slash < 0 ? [{ exact: pattern }, { exact: '' }] : [{ exact: issuer }, { exact: subject }];
  if (pattern === '*') both = [any, any];
  else if (pattern.startsWith('*')) {
    both = slash < 0 ? [any, stringMatch(pattern)] : [stringMatch(issuer), { exact: subject }];
  } else if (pattern.endsWith('*')) {
    both = slash < 0 ? [stringMatch(pattern), any] : [{ exact: issuer }, stringMatch(subject)];
  }
  return {
    and_ids: { ids: [claimMatch(['iss'], { string_match: both[0] }), claimMatch(['sub'], { string_match: both[1] })] },
  };
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
