/**
 * Name resolution of workloads: a hosts file with Service names, one for each Kubernetes-style namespace, because a bare
 * name means the Service of one's own namespace; and a resolv.conf without servers, because the node's servers cannot answer
 * a workload (no NAT): an unknown name fails at once instead of after the resolver's 10 s.
 */
import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Topology } from '../config/topology.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';

const LOCALHOST = '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n';
const NODE_HOSTS = '/etc/hosts';

/** For glibc and musl no server means 127.0.0.1, where nobody listens in a workload's namespace. */
const RESOLV_CONF = '# shunt: names of Services are in /etc/hosts\noptions timeout:1 attempts:1\n';

/** Mounted over /etc/hosts in each workload of the namespace. */
export function hostsFile(instance: Instance, namespace: string): string {
  return join(instance.runDir, 'hosts', namespace);
}

/** Mounted over /etc/resolv.conf in each workload, where the node has one. */
export function resolvConfFile(instance: Instance): string {
  return join(instance.runDir, 'resolv.conf');
}

/**
 * Names of a Service: NAME.NAMESPACE, NAME.NAMESPACE.svc, NAME.NAMESPACE.svc.cluster.local, and NAME in its own namespace.
 * The node's own entries follow: the first line with a name wins, so a Service's name means the Service.
 */
export function hostsText(topology: Topology, namespace: string, nodeHosts = ''): string {
  const lines = topology.model.services.map((service) => {
    const { name } = service;
    const full = [`${name}.${service.namespace}`, `${name}.${service.namespace}.svc`];
    full.push(`${name}.${service.namespace}.svc.cluster.local`);
    const names = service.namespace === namespace ? [name, ...full] : full;
    return `${topology.serviceIps[service.key]} ${names.join(' ')}\n`;
  });
  return LOCALHOST + lines.join('') + nodeHosts;
}

/**
 * Writes the files of all namespaces that have a workload; unchanged ones are not touched. In place, not by renaming: a
 * bind mount shows the file that it was made from, so a renamed one would never be seen by workloads that run.
 * @returns the paths that changed. @throws E_SYSCALL
 */
export function publishHosts(instance: Instance, topology: Topology, nodeHosts = readNodeHosts()): string[] {
  const namespaces = [...new Set(topology.model.workloads.map(({ namespace }) => namespace))];
  const files: [path: string, text: string][] = [
    [resolvConfFile(instance), RESOLV_CONF],
    ...namespaces.map((name): [string, string] => [hostsFile(instance, name), hostsText(topology, name, nodeHosts)]),
  ];
  return files.filter(([path, text]) => replaceText(path, text)).map(([path]) => path);
}

function replaceText(path: string, text: string): boolean {
  try {
    if (readIfExists(path) === text) return false;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const bytes = Buffer.from(text);
    // Everybody in the workload reads it; the directory above keeps the node's users out.
    const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
    try {
      // One write, then the length: a reader in between sees whole lines of the old or the new text.
      writeSync(file, bytes, 0, bytes.length, 0);
      ftruncateSync(file, bytes.length);
    } finally {
      closeSync(file);
    }
    return true;
  } catch (error) {
    throw new ShuntError('E_SYSCALL', `write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function readNodeHosts(): string {
  return readIfExists(NODE_HOSTS) ?? '';
}

function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
