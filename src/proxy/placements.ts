/** Which proxy owns the listener of a workload. A pure function, so that moving a workload is one changed entry. */
import type { Model, Workload } from '../config/model.ts';
import { ShuntError } from '../errors.ts';

/** Where a workload's proxy can sit; docs/architecture.md. */
export const PLACEMENTS = ['node', 'service-account', 'sidecar', 'microproxy'] as const;

export type Placement = (typeof PLACEMENTS)[number];

/** Names one proxy process of an instance; workloads with the same key share it. */
export type ProxyKey = 'node';

/** @throws E_CONFIG for a placement that this version cannot run. */
export function proxyOf(workload: Workload, placement: Placement = 'node'): ProxyKey {
  if (placement === 'node') return 'node';
  throw new ShuntError('E_CONFIG', `workload ${workload.key}: placement ${placement} is not supported; expected node`);
}

/** The workloads whose listeners a proxy owns, in order. */
export function workloadsOf(model: Model, proxy: ProxyKey): Workload[] {
  return model.workloads.filter((workload) => proxyOf(workload) === proxy);
}
