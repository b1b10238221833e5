/**
 * What Istio's documentation says, said once more in the plainest way: one request or connection at a time, every policy
 * looked at, patterns as regular expressions. Tests hold the filter and the kernel's verdicts against it, and `shunt policy`
 * asks it why. Nothing in the data path uses it. Pure.
 */
import type { AuthorizationPolicy, ServicePort, Workload } from '../config/model.ts';
import { endpointsOf, principalOf, type Topology } from '../config/topology.ts';
import type { ResourceKey } from '../instance.ts';
import { applies } from './applies.ts';
import { type Claims, type Facts, type HttpFacts, ruleHolds } from './facts.ts';

export interface Connection {
  /** The workload that calls. */
  readonly source: ResourceKey;
  /** The workload that is called, after the endpoint of a Service is chosen. */
  readonly destination: ResourceKey;
  /** Its targetPort. */
  readonly port: number;
}

export interface Request extends Connection {
  readonly method: string;
  /** As text (UTF-8), with or without query and fragment, which are not matched. Absent: CONNECT; then no rule with paths matches. */
  readonly path?: string;
  /** Host header, with its port. */
  readonly host?: string;
  /** Small names; the host's is not among them. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Whom the proxy takes the request to be from. Default: the address of the calling workload. */
  readonly remoteIp?: string;
  /** Server name of TLS. */
  readonly sni?: string;
  /** Of the token that the proxy verified. */
  readonly claims?: Claims;
}

export interface Decision {
  readonly allowed: boolean;
  /**
   * The policy that decided: the first DENY that matched, else the first ALLOW that matched. Absent: no policy guards the
   * destination (allowed), or it has ALLOW policies and none matched, or source or destination are unknown (denied).
   */
  readonly policy?: ResourceKey;
  /** One sentence for people. */
  readonly reason: string;
  /** What the dry-run policies of the destination would decide if they were all. Absent: it has none. */
  readonly shadow?: Verdict;
  /** AUDIT policies that matched. Absent: none. */
  readonly audited?: readonly ResourceKey[];
}

/** As of a {@link Decision}. */
export interface Verdict {
  readonly allowed: boolean;
  readonly policy?: ResourceKey;
  readonly reason: string;
}

/** Decides a request to a port that a Service serves as HTTP. */
export function evaluateRequest(topology: Topology, request: Request): Decision {
  const { headers = [], method, path, host, sni, claims, remoteIp } = request;
  const http: HttpFacts = {
    method,
    headers,
    ...(path === undefined ? {} : { path }),
    ...(host === undefined ? {} : { host }),
    ...(sni === undefined ? {} : { sni }),
    ...(claims === undefined ? {} : { claims }),
  };
  return decide(topology, request, ['http', 'http2'], { http, ...(remoteIp === undefined ? {} : { remoteIp }) });
}

/**
 * Decides a connection to a port that a Service serves as TCP. Of what only a request has, nothing is known: an ALLOW rule
 * that asks for it never matches, a DENY rule matches as if it did not ask. Nothing is audited, nothing runs dry.
 */
export function evaluateConnection(topology: Topology, connection: Connection): Verdict {
  const { allowed, policy, reason } = decide(topology, connection, ['tcp'], {});
  return { allowed, reason, ...(policy === undefined ? {} : { policy }) };
}

function decide(
  topology: Topology,
  connection: Connection,
  protocols: readonly ServicePort['protocol'][],
  more: Partial<Facts>,
): Decision {
  const { model, workloadIps } = topology;
  const source = model.workloads.find(({ key }) => key === connection.source);
  const destination = model.workloads.find(({ key }) => key === connection.destination);
  if (source === undefined) return { allowed: false, reason: `${connection.source} is no workload` };
  if (destination === undefined || !serves(topology, destination, connection.port, protocols)) {
    const where = `${connection.destination}:${connection.port}`;
    return { allowed: false, reason: `no Service leads to ${where} by ${protocols.join(' or ')}` };
  }
  const facts = {
    principal: principalOf(model, source),
    namespace: source.namespace,
    ...addressed('sourceIp', workloadIps[source.key]),
    ...addressed('remoteIp', workloadIps[source.key]),
    ...addressed('destinationIp', workloadIps[destination.key]),
    port: connection.port,
    ...more,
  };
  const matches = (policy: AuthorizationPolicy): boolean =>
    policy.rules.some((rule) => ruleHolds(rule, facts, policy.action !== 'ALLOW'));
  const guarding = model.policies.filter((policy) => applies(policy, destination));
  const dry = guarding.filter(({ dryRun }) => dryRun);
  const audited = guarding.filter((policy) => policy.action === 'AUDIT' && matches(policy)).map(({ key }) => key);
  return {
    ...verdictOf(
      guarding.filter(({ dryRun }) => !dryRun),
      matches,
    ),
    ...(dry.length === 0 ? {} : { shadow: verdictOf(dry, matches) }),
    ...(audited.length === 0 ? {} : { audited }),
  };
}

function verdictOf(
  policies: readonly AuthorizationPolicy[],
  matches: (policy: AuthorizationPolicy) => boolean,
): Verdict {
  for (const policy of policies) {
    if (policy.action === 'DENY' && matches(policy)) {
      return { allowed: false, policy: policy.key, reason: `policy ${policy.key} denies it` };
    }
  }
  const allowing = policies.filter(({ action }) => action === 'ALLOW');
  if (allowing.length === 0) return { allowed: true, reason: 'no ALLOW policy guards the destination' };
  for (const policy of allowing) {
    if (matches(policy)) return { allowed: true, policy: policy.key, reason: `policy ${policy.key} allows it` };
  }
  return { allowed: false, reason: `none of ${allowing.map(({ key }) => key).join(', ')} allows it` };
}

function addressed(name: 'sourceIp' | 'remoteIp' | 'destinationIp', address: string | undefined): Partial<Facts> {
  return address === undefined ? {} : { [name]: address };
}

function serves(
  { model }: Topology,
  workload: Workload,
  port: number,
  protocols: readonly ServicePort['protocol'][],
): boolean {
  return model.services.some((service) =>
    service.ports.some(
      (candidate) =>
        candidate.targetPort === port &&
        protocols.includes(candidate.protocol) &&
        endpointsOf(model, service, candidate).some((endpoint) => endpoint.workload.key === workload.key),
    ),
  );
}
