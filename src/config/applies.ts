/** Which workloads a resource with a selector is about: the same for policies and plugins. Pure. */
import type { Workload } from './model.ts';
import { selects } from './topology.ts';

/** Resources of this namespace are about the workloads of all namespaces, as with Istio's default root namespace. */
export const ROOT_NAMESPACE = 'istio-system';

/** What {@link appliesTo} looks at. */
export interface Selecting {
  readonly namespace: string;
  /** Absent: all. */
  readonly selector?: Readonly<Record<string, string>>;
}

/**
 * True when the resource is about the workload: it is in the workload's namespace or in {@link ROOT_NAMESPACE}, and its
 * selector, where it has one, selects the workload.
 */
export function appliesTo({ namespace, selector }: Selecting, workload: Workload): boolean {
  if (namespace !== workload.namespace && namespace !== ROOT_NAMESPACE) return false;
  return selector === undefined || selects(selector, workload.labels);
}
