/**
 * What Istio's documentation says, said once more in the plainest way: one request or connection at a time, every policy
 * looked at, patterns as regular expressions. Tests hold the filter and the kernel's verdicts against it, and `shunt policy`
 * asks it why. Nothing in the data path uses it. Pure.
 */
import type { AuthorizationPolicy, Model, PolicyRule, ServicePort, Workload } from '../config/model.ts';
import { endpointsOf, principalOf, type Topology } from '../config/topology.ts';
import type { ResourceKey } from '../instance.ts';
import { applies } from './applies.ts';
import { pathRegExp, textRegExp } from './pattern.ts';

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
}

/** Decides a request to a port that a Service serves as HTTP. */
export function evaluateRequest({ model }: Topology, request: Request): Decision {
  const path = request.path?.replace(/[?#].*$/s, '');
  return decide(model, request, ['http', 'http2'], model.policies, ({ methods, paths }) => {
    if (methods !== undefined && !methods.some((method) => textRegExp(method).test(request.method))) return false;
    return paths === undefined || (path !== undefined && paths.some((pattern) => pathRegExp(pattern).test(path)));
  });
}

/** Decides a connection to a port that a Service serves as TCP. */
export function evaluateConnection({ model }: Topology, connection: Connection): Decision {
  const asksHttp = ({ to }: PolicyRule): boolean => to.some(({ methods, paths }) => methods ?? paths);
  const policies = model.policies.map((policy) =>
    policy.action === 'DENY' ? policy : { ...policy, rules: policy.rules.filter((rule) => !asksHttp(rule)) },
  );
  return decide(model, connection, ['tcp'], policies, () => true);
}

function decide(
  model: Model,
  connection: Connection,
  protocols: readonly ServicePort['protocol'][],
  policies: readonly AuthorizationPolicy[],
  httpMatches: (operation: PolicyRule['to'][number]) => boolean,
): Decision {
  const source = model.workloads.find(({ key }) => key === connection.source);
  const destination = model.workloads.find(({ key }) => key === connection.destination);
  if (source === undefined) return { allowed: false, reason: `${connection.source} is no workload` };
  if (destination === undefined || !serves(model, destination, connection.port, protocols)) {
    const where = `${connection.destination}:${connection.port}`;
    return { allowed: false, reason: `no Service leads to ${where} by ${protocols.join(' or ')}` };
  }
  const matches = (policy: AuthorizationPolicy): boolean =>
    policy.rules.some((rule) => comesFrom(rule, model, source) && asksFor(rule, connection.port, httpMatches));

  const guarding = policies.filter((policy) => applies(policy, destination));
  for (const policy of guarding) {
    if (policy.action === 'DENY' && matches(policy)) {
      return { allowed: false, policy: policy.key, reason: `policy ${policy.key} denies it` };
    }
  }
  const allowing = guarding.filter(({ action }) => action === 'ALLOW');
  if (allowing.length === 0) return { allowed: true, reason: 'no ALLOW policy guards the destination' };
  for (const policy of allowing) {
    if (matches(policy)) return { allowed: true, policy: policy.key, reason: `policy ${policy.key} allows it` };
  }
  return { allowed: false, reason: `none of ${allowing.map(({ key }) => key).join(', ')} allows it` };
}

function serves(
  model: Model,
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

function comesFrom({ from }: PolicyRule, model: Model, source: Workload): boolean {
  if (from.length === 0) return true;
  const principal = principalOf(model, source);
  return from.some(({ principals, namespaces }) => {
    if (principals !== undefined && !principals.some((pattern) => textRegExp(pattern).test(principal))) return false;
    return namespaces === undefined || namespaces.some((pattern) => textRegExp(pattern).test(source.namespace));
  });
}

function asksFor(
  { to }: PolicyRule,
  port: number,
  httpMatches: (operation: PolicyRule['to'][number]) => boolean,
): boolean {
  if (to.length === 0) return true;
  return to.some((operation) => {
    if (operation.ports !== undefined && !operation.ports.includes(String(port))) return false;
    return httpMatches(operation);
  });
}
