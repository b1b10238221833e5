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
import type { TcpRow } from '../telemetry/proc-net.ts';
import { processesOf } from '../workload/cgroup.ts';
import { type Descriptor, descriptorsOf, tcpRowsIn } from './sockets.ts';

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
  const captured = new Map(rows.filter(({ remote }) => remote === PROXY).map((row) => [row.inode, row]));
  const held = [...new Map(pids.flatMap(descriptorsOf).map((one) => [one.inode, one])).values()];
  let count = 0;
  for (const client of held) {
    const row = captured.get(client.inode);
    if (row === undefined) continue;
    const destination = withDescriptorOf(client.pid, client.fd, (copy) => dataplane.refusedDestination(copy, cgroup));
    if (destination === undefined) continue;
    const end = proxyEnd(instance, rows, row) ?? client;
    withDescriptorOf(end.pid, end.fd, resetTcp);
    log.info('connection reset: policy refuses it by now', { workload: key, pid: client.pid, destination });
    count++;
  }
  return count;
}

/**
 * The proxy's end is reset, so that the program gets a real reset: of a promoted socket that is reset itself, a program that
 * wakes too early reads EAGAIN with EPOLLHUP, which libuv takes for an orderly end. undefined: the proxy has not accepted it.
 */
function proxyEnd(instance: Instance, rows: readonly TcpRow[], client: TcpRow): Descriptor | undefined {
  const inode = rows.find(({ local, remote }) => local === client.remote && remote === client.local)?.inode;
  return processesOf(instance.envoyCgroup)
    .flatMap(descriptorsOf)
    .find((one) => one.inode === inode);
}
