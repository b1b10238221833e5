/** Which process owns a workload's listener. Pure: moving a workload is a change of this answer. */
import type { Workload } from '../config/model.ts';

/** Name of a proxy process; workloads with the same key share it. */
export type ProxyKey = 'node';

/** All workloads of the node share one Envoy. */
export function proxyKey(_workload: Workload): ProxyKey {
  return 'node';
}
