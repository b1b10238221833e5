/** What is known of one request or connection, and whether a rule's conditions hold for it. Pure. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { PolicyCondition, PolicyOperation, PolicyRule, PolicySource } from '../config/model.ts';
import { hostRegExp, pathRegExp, textRegExp } from './pattern.ts';

/** Absent: there is none, and no value matches. */
export interface Facts {
  readonly principal?: string;
  readonly namespace?: string;
  readonly sourceIp?: string;
  readonly remoteIp?: string;
  readonly destinationIp?: string;
  readonly port: number;
  /** What only an HTTP request has. Absent: a connection, of which no more than the rest is known. */
  readonly http?: HttpFacts;
}

export interface HttpFacts {
  readonly method: string;
  readonly path?: string;
  /** With its port. */
  readonly host?: string;
  /** Small names; repeated ones as often as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly sni?: string;
  /** Of the verified token. */
  readonly claims?: Claims;
}

/** JSON. */
export type Claims = Readonly<Record<string, unknown>>;

/**
 * `lenient`: conditions that only a request can tell hold for a connection, as Istio has it for policies that deny;
 * otherwise a rule with one of them never holds.
 */
export function ruleHolds({ from, to, when = [] }: PolicyRule, facts: Facts, lenient: boolean): boolean {
  const asked = [...[...from, ...to].flatMap(conditionsOf), ...when];
  if (!lenient && asked.some(({ key }) => testOf(key, facts) === undefined)) return false;
  const hold = (conditions: readonly PolicyCondition[]): boolean =>
    conditions.every(({ key, values, notValues }) => {
      const holds = testOf(key, facts);
      if (holds === undefined) return true;
      return (values?.some(holds) ?? true) && !(notValues?.some(holds) ?? false);
    });
  const anyHolds = (entries: readonly (PolicySource | PolicyOperation)[]): boolean =>
    entries.length === 0 || entries.some((entry) => hold(conditionsOf(entry)));
  return anyHolds(from) && anyHolds(to) && hold(when);
}

/** Fields of `from` and `to` say the same as conditions do. Hosts, methods and paths have no key; theirs is the field. */
const KEYS: Readonly<Record<string, string>> = {
  principals: 'source.principal',
  namespaces: 'source.namespace',
  ipBlocks: 'source.ip',
  remoteIpBlocks: 'remote.ip',
  requestPrincipals: 'request.auth.principal',
  ports: 'destination.port',
};

function conditionsOf(entry: PolicySource | PolicyOperation): PolicyCondition[] {
  return Object.entries(entry).map(([field, values]: [string, readonly string[]]) => {
    const name = field.replace(/^not(.)/, (_, first: string) => first.toLowerCase());
    const key = KEYS[name] ?? name;
    return name === field ? { key, values } : { key, notValues: values };
  });
}

/** Whether a value of a condition matches; undefined: nobody knows of a connection. */
function testOf(key: string, facts: Facts): ((value: string) => boolean) | undefined {
  const text = (known: string | undefined) => (value: string) => known !== undefined && textRegExp(value).test(known);
  const { http } = facts;
  switch (key) {
    case 'source.principal':
      return text(facts.principal);
    case 'source.namespace':
      return text(facts.namespace);
    case 'source.ip':
      return (value) => inBlock(value, facts.sourceIp);
    case 'remote.ip':
      return (value) => inBlock(value, facts.remoteIp);
    case 'destination.ip':
      return (value) => inBlock(value, facts.destinationIp);
    case 'destination.port':
      return (value) => value === String(facts.port);
  }
  if (http === undefined) return undefined;
  switch (key) {
    case 'connection.sni':
      return text(http.sni);
    case 'methods':
      return text(http.method);
    case 'paths':
      return (value) => http.path !== undefined && pathRegExp(value).test(http.path.replace(/[?#].*$/s, ''));
    case 'hosts':
      return (value) => http.host !== undefined && hostRegExp(value).test(http.host);
    case 'request.auth.principal':
      return (value) => principalMatches(value, http.claims);
    case 'request.auth.audiences':
      return claimTest(['aud'], http.claims);
    case 'request.auth.presenter':
      return claimTest(['azp'], http.claims);
  }
  const [, name = '', names = ''] = /^request\.(?:headers\[(.*)\]|auth\.claims\[(.*)\])$/s.exec(key) ?? [];
  return name === '' ? claimTest(names.split(']['), http.claims) : headerTest(name.toLowerCase(), http);
}

/** Any value of a repeated header; a header may be there and empty: `*` is satisfied with that. */
function headerTest(name: string, { headers, host }: HttpFacts): (value: string) => boolean {
  const found =
    name === 'host' || name === ':authority' ? [host] : headers.flatMap(([n, v]) => (n === name ? [v] : []));
  const values = found.filter((value) => value !== undefined);
  return (value) => values.some((one) => value === '*' || textRegExp(value).test(one));
}

function claimTest(path: readonly string[], claims: Claims | undefined): (value: string) => boolean {
  let found: unknown = claims;
  for (const name of path) {
    const map = typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Claims) : {};
    found = Object.hasOwn(map, name) ? map[name] : undefined;
  }
  const texts = [found].flat().filter((item) => typeof item === 'string');
  return (value) => texts.some((item) => textRegExp(value).test(item));
}

/** Istio takes `ISSUER/SUBJECT` apart at the last slash; a star stands at the start of the issuer or the end of the subject. */
function principalMatches(value: string, claims: Claims = {}): boolean {
  const { iss, sub } = claims;
  if (typeof iss !== 'string' || typeof sub !== 'string') return false;
  if (value === '*') return iss !== '' && sub !== '';
  const slash = value.lastIndexOf('/');
  const left = value.slice(0, Math.max(slash, 0));
  const right = value.slice(slash + 1);
  if (value.startsWith('*')) {
    return slash < 0 ? iss !== '' && sub.endsWith(value.slice(1)) : textRegExp(left).test(iss) && sub === right;
  }
  if (value.endsWith('*')) {
    return slash < 0 ? sub !== '' && iss.startsWith(value.slice(0, -1)) : iss === left && textRegExp(right).test(sub);
  }
  return slash < 0 ? iss === value && sub === '' : iss === left && sub === right;
}

/** Whether an address is in a network, or is it. Addresses of the other family never match, as in Envoy. */
export function inBlock(block: string, address: string | undefined): boolean {
  const [network = '', length] = block.split('/');
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  if (address === undefined || !(family === 'ipv4' ? isIPv4(address) : isIPv6(address))) return false;
  const list = new BlockList();
  list.addSubnet(network, length === undefined ? (family === 'ipv4' ? 32 : 128) : Number(length), family);
  return list.check(address, family);
}
