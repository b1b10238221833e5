import type { AuthorizationPolicy, Workload } from '../config/model.ts';
import { ROOT_NAMESPACE } from '../config/references.ts';
import { selects } from '../config/topology.ts';

/**
 * True when the policy guards the workload: it is in the workload's namespace or in the root namespace `istio-system`,
 * and its selector, where it has one, selects the workload.
 */
export function applies(policy: AuthorizationPolicy, workload: Workload): boolean {
  if (policy.namespace !== workload.namespace && policy.namespace !== ROOT_NAMESPACE) return false;
  return policy.selector === undefined || selects(policy.selector, workload.labels);
}
