/**
 * A change of policy reaches TCP connections that live: those that it refuses by now are reset, as if they were made now.
 * Found by the descriptors of the workload's processes, so also connections that are not on the fast path.
 */
import { resetTcp, withDescriptorOf } from '../bpf/socket.ts';
import type { Topology } from '../config/topology.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey, workloadCgroup } from '../instance.ts';
import type { Logger } from '../log.ts';
import { OUTBOUND_PORT } from '../proxy/envoy/listeners.ts';
import { processesOf } from '../workload/cgroup.ts';
import { descriptorsOf, tcpRowsIn } from './sockets.ts';

const PROXY = `127.0.0.1:${OUTBOUND_PORT}`;

/** Verdicts must have been applied. Returns how many connections were reset. */
export function resetRefused(instance: Instance, dataplane: Dataplane, topology: Topology, log: Logger): number {
  const { services, workloads } = topology.model;
  if (!services.some(({ ports }) => ports.some(({ protocol }) => protocol === 'tcp'))) return 0;
  return workloads.reduce((sum, { key }) => sum + resetRefusedOf(instance, dataplane, key, log), 0);
}

function resetRefusedOf(instance: Instance, dataplane: Dataplane, key: ResourceKey, log: Logger): number {
  const cgroup = workloadCgroup(instance, key);
  const pids = processesOf(cgroup);
  if (pids.length === 0) return 0;
  const rows = [...tcpRowsIn([netnsPath(netnsName(instance.name, key))]).values()];
  const captured = new Set(rows.filter(({ remote }) => remote === PROXY).map(({ inode }) => inode));
  const found = pids.flatMap(descriptorsOf).filter(({ inode }) => captured.delete(inode));
  return found.filter(({ pid, fd }) => {
    const destination = withDescriptorOf(pid, fd, (copy) => {
      const refused = dataplane.refusedDestination(copy, cgroup);
      if (refused !== undefined) resetTcp(copy);
      return refused;
    });
    if (destination !== undefined)
      log.info('connection reset: policy refuses it by now', { workload: key, pid, destination });
    return destination !== undefined;
  }).length;
}
