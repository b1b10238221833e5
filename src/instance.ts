/**
 * Where everything of one instance lives. All names are functions of the instance's name alone, so that `down` finds
 * and removes everything without any state file.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShuntError } from './errors.ts';

/** Version of every layout in bpf/include/abi.h; part of the pin path, so that two versions never share a map. */
export const ABI_VERSION = 14;

/** A DNS label of at most 20 characters, so that every name derived from it stays within the kernel's limits. */
const INSTANCE_NAME = /^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$/;

/** Paths and names of one instance. All directories are mode 0700, owned by root. */
export interface Instance {
  readonly name: string;
  /** State, sockets, logs: /run/shunt/NAME. */
  readonly runDir: string;
  /** The supervisor's HTTP API. */
  readonly apiSocket: string;
  /** Held with flock(2) by the one supervisor. */
  readonly lockFile: string;
  /** xDS files; one directory a type, because a rename makes Envoy read again all that watches the directory. */
  readonly xdsDir: string;
  readonly logDir: string;
  /** Envoy's administration interface, a unix socket. */
  readonly envoyAdminSocket: string;
  /** /sys/fs/bpf/shunt/NAME; the pins are in its subdirectory v<ABI>. */
  readonly bpfRoot: string;
  readonly pinDir: string;
  /** <cgroup2>/shunt/NAME, with the children workloads/ and proxies/. */
  readonly cgroup: string;
  readonly workloadsCgroup: string;
  readonly proxiesCgroup: string;
  readonly envoyCgroup: string;
}

/** The mount point of cgroup v2 (`/sys/fs/cgroup`, `/sys/fs/cgroup/unified`, or elsewhere). @throws E_NEEDS if none. */
export function cgroup2Mount(mounts: string = readFileSync('/proc/self/mounts', 'utf8')): string {
  for (const line of mounts.split('\n')) {
    const [, target, type] = line.split(' ');
    if (type === 'cgroup2' && target !== undefined) return target;
  }
  throw new ShuntError('E_NEEDS', 'no cgroup v2 is mounted; mount it: mount -t cgroup2 none /sys/fs/cgroup');
}

/** @throws E_USAGE when the name is not a DNS label of at most 20 characters. */
export function instance(name: string, cgroup2: string = cgroup2Mount()): Instance {
  if (!INSTANCE_NAME.test(name)) {
    throw new ShuntError(
      'E_USAGE',
      `instance name ${JSON.stringify(name)}: expected a DNS label of at most 20 characters`,
    );
  }
  const runDir = join('/run/shunt', name);
  const bpfRoot = join('/sys/fs/bpf/shunt', name);
  const cgroup = join(cgroup2, 'shunt', name);
  return {
    name,
    runDir,
    apiSocket: join(runDir, 'api.sock'),
    lockFile: join(runDir, 'lock'),
    xdsDir: join(runDir, 'xds'),
    logDir: join(runDir, 'logs'),
    envoyAdminSocket: join(runDir, 'envoy-admin.sock'),
    bpfRoot,
    pinDir: join(bpfRoot, `v${ABI_VERSION}`),
    cgroup,
    workloadsCgroup: join(cgroup, 'workloads'),
    proxiesCgroup: join(cgroup, 'proxies'),
    envoyCgroup: join(cgroup, 'proxies', 'envoy'),
  };
}

/** Key of a workload or Service: `namespace/name`. */
export type ResourceKey = `${string}/${string}`;

/** The name of a workload's network namespace; a dot cannot occur in the parts, so this is unambiguous. */
export function netnsName(instanceName: string, workload: ResourceKey): string {
  return `shunt.${instanceName}.${workload.replace('/', '.')}`;
}

/** What to open or hand to Envoy for a namespace named by {@link netnsName}. */
export function netnsPath(name: string): string {
  return join('/run/netns', name);
}

/** The cgroup of one workload. */
export function workloadCgroup(inst: Instance, workload: ResourceKey): string {
  return join(inst.workloadsCgroup, workload.replace('/', '.'));
}
