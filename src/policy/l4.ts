/** Topology -> the TCP connections that policy allows, for the kernel's map `verdicts`. Pure. */
import { contains, parseCidr, parseIpv4 } from '../config/ipv4.ts';
import type { AuthorizationPolicy, PolicyCondition, PolicyOperation, PolicySource, Workload } from '../config/model.ts';
import { endpointsOf, principalOf, type Topology } from '../config/topology.ts';
import type { ResourceKey } from '../instance.ts';
import { applies } from './applies.ts';

/** The source may connect. What is not listed is refused. */
export interface L4Allow {
  readonly source: ResourceKey;
  readonly destination: {
    /** IPv4 of a Service, or of a workload. */
    readonly ip: string;
    /** The Service's port, or the workload's targetPort. */
    readonly port: number;
  };
}

/**
 * One entry for each workload and TCP destination (Service address and port, workload address and targetPort) that it may
 * connect to. Istio's semantics for TCP: DENY before ALLOW; an ALLOW rule that asks for what only a request has (methods,
 * paths, hosts, headers, tokens) never matches; a DENY rule matches as if it did not ask for it, so that it denies more. The
 * server name of TLS is such a thing here: it is not sent yet when a connection is judged. AUDIT and dry-run policies decide
 * nothing. The kernel judges before an endpoint is chosen: a Service with several endpoints is denied when any of them
 * denies; one without endpoints has no entry.
 */
export function l4Verdicts(topology: Topology): L4Allow[] {
  const { model, workloadIps } = topology;
  /** By `ip port`: two Services may lead to one port of a workload. */
  const destinations = new Map<string, { ip: string; port: number; guards: Guard[] }>();
  const add = (ip: string | undefined, port: number, guards: Guard[]): void => {
    if (ip !== undefined && guards.length > 0) destinations.set(`${ip} ${port}`, { ip, port, guards });
  };
  for (const service of model.services) {
    for (const port of service.ports.filter(({ protocol }) => protocol === 'tcp')) {
      const endpoints = endpointsOf(model, service, port);
      const guards = endpoints.map(({ workload, targetPort }) =>
        guardOf(model.policies, workload, workloadIps[workload.key] ?? '', targetPort),
      );
      add(topology.serviceIps[service.key], port.port, guards);
      for (const [index, { workload, targetPort }] of endpoints.entries()) {
        add(workloadIps[workload.key], targetPort, guards.slice(index, index + 1));
      }
    }
  }
  return model.workloads.flatMap((workload) => {
    const ip = workloadIps[workload.key] ?? '';
    const caller = { principal: principalOf(model, workload), namespace: workload.namespace, ip };
    return [...destinations.values()]
      .filter(({ guards }) => guards.every((guard) => permits(guard, caller)))
      .map(({ ip, port }) => ({ source: workload.key, destination: { ip, port } }));
  });
}

/** What is left of the policies of one port of a workload when nothing but the caller can differ. */
interface Guard {
  readonly deny: readonly CallerRule[];
  /** undefined: no ALLOW policy, everyone may. */
  readonly allow: readonly CallerRule[] | undefined;
}

/** Matches when one of `from` (or there is none) and `when` do. */
interface CallerRule {
  readonly from: readonly (readonly Condition[])[];
  readonly when: readonly Condition[];
}

interface Condition {
  readonly attribute: keyof Caller;
  readonly values: readonly string[];
  readonly negated: boolean;
}

interface Caller {
  readonly principal: string;
  readonly namespace: string;
  readonly ip: string;
}

/** Fields and keys that tell of the caller. On loopback and the node's own links, remote and source address are one. */
const CALLER: Readonly<Record<string, keyof Caller>> = {
  principals: 'principal',
  'source.principal': 'principal',
  namespaces: 'namespace',
  'source.namespace': 'namespace',
  ipBlocks: 'ip',
  'source.ip': 'ip',
  remoteIpBlocks: 'ip',
  'remote.ip': 'ip',
};

const DESTINATION: ReadonlySet<string> = new Set(['ports', 'destination.port', 'destination.ip']);

function guardOf(policies: readonly AuthorizationPolicy[], workload: Workload, ip: string, port: number): Guard {
  const guarding = policies.filter((policy) => policy.dryRun === undefined && applies(policy, workload));
  const rulesOf = (action: 'ALLOW' | 'DENY'): CallerRule[] =>
    guarding
      .filter((policy) => policy.action === action)
      .flatMap(({ rules }) => rules)
      .flatMap(({ from, to, when = [] }) => {
        const destination = { ip, port: String(port) };
        const asked = when.flatMap(fromCondition);
        const all = [...asked, ...[...from, ...to].flatMap(fromFields)];
        if (action === 'ALLOW' && !all.every(({ name }) => name in CALLER || DESTINATION.has(name))) return [];
        const left = leftOf(asked, destination);
        const operations = to.map((entry) => leftOf(fromFields(entry), destination));
        if (left === undefined || (to.length > 0 && operations.every((entry) => entry === undefined))) return [];
        const sources = from
          .map((entry) => leftOf(fromFields(entry), destination))
          .filter((entry) => entry !== undefined);
        return from.length > 0 && sources.length === 0 ? [] : [{ from: sources, when: left }];
      });
  return {
    deny: rulesOf('DENY'),
    allow: guarding.some(({ action }) => action === 'ALLOW') ? rulesOf('ALLOW') : undefined,
  };
}

interface Asked {
  readonly name: string;
  readonly values: readonly string[];
  readonly negated: boolean;
}

function fromFields(entry: PolicySource | PolicyOperation): Asked[] {
  return Object.entries(entry).map(([field, values]: [string, readonly string[]]) => {
    const negated = /^not[A-Z]/.test(field);
    const name = negated ? `${field.charAt(3).toLowerCase()}${field.slice(4)}` : field;
    return { name, values, negated };
  });
}

function fromCondition({ key, values, notValues }: PolicyCondition): Asked[] {
  return [
    ...(values === undefined ? [] : [{ name: key, values, negated: false }]),
    ...(notValues === undefined ? [] : [{ name: key, values: notValues, negated: true }]),
  ];
}

/** What is asked of the caller; undefined where the destination does not match. What only a request has is passed over. */
function leftOf(
  asked: readonly Asked[],
  destination: { readonly ip: string; readonly port: string },
): Condition[] | undefined {
  const left: Condition[] = [];
  for (const { name, values, negated } of asked) {
    const attribute = CALLER[name];
    if (attribute !== undefined) left.push({ attribute, values, negated });
    else if (DESTINATION.has(name)) {
      const found = name === 'destination.ip' ? inAny(values, destination.ip) : values.includes(destination.port);
      if (found === negated) return undefined;
    }
  }
  return left;
}

function permits({ deny, allow }: Guard, caller: Caller): boolean {
  const hold = (conditions: readonly Condition[]): boolean =>
    conditions.every(({ attribute, values, negated }) => {
      const value = caller[attribute];
      const found = attribute === 'ip' ? inAny(values, value) : values.some((pattern) => matches(pattern, value));
      return found !== negated;
    });
  const holds = ({ from, when }: CallerRule): boolean => (from.length === 0 || from.some(hold)) && hold(when);
  return !deny.some(holds) && (allow?.some(holds) ?? true);
}

/** Istio's order: `*` is presence, `*x` a suffix, `x*` a prefix, all else exact. */
function matches(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return value === pattern;
}

/** Workloads have IPv4 addresses: a block of IPv6 holds none. */
function inAny(blocks: readonly string[], ip: string): boolean {
  const address = parseIpv4(ip);
  return blocks.some((block) => {
    const cidr = parseCidr(block.includes('/') ? block : `${block}/32`);
    return cidr !== undefined && address !== undefined && contains(cidr, address);
  });
}
