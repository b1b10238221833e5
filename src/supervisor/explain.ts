/** `shunt explain` and `shunt flows --all`: sockets of the mesh and how each stands to the fast path. */
import type { ExplainedSocket } from '../api/types.ts';
import { cgroupId } from '../bpf/cgroup.ts';
import type { Workload } from '../config/model.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { QueueRecord } from '../dataplane/queues.ts';
import { ShuntError } from '../errors.ts';
import { type Instance, netnsName, netnsPath, workloadCgroup } from '../instance.ts';
import { explainSocket } from '../telemetry/explain.ts';
import type { TcpRow } from '../telemetry/proc-net.ts';
import { processesOf } from '../workload/cgroup.ts';
import { cgroupNames } from './flows.ts';
import type { Learned } from './learned.ts';
import { type Descriptor, descriptor, descriptorsOf, look, programName, tcpRowsIn, tcpRowsOf } from './sockets.ts';

/** What all sockets of one answer have in common. */
export interface Scene {
  readonly instance: Instance;
  readonly dataplane: Dataplane;
  readonly learned: Learned;
  readonly workloads: readonly Workload[];
  readonly fastPathEnabled: boolean;
  /** By cookie of the sending socket. */
  readonly queues: ReadonlyMap<bigint, QueueRecord>;
}

/** Every connection of the members' processes, promoted or not. */
export function explainAll(scene: Scene): ExplainedSocket[] {
  const rows = tcpRowsIn(namespaces(scene));
  return explain(scene, membersDescriptors(scene), (inode) => rows.get(inode))
    .filter(({ tcpState }) => tcpState === 'ESTABLISHED')
    .sort((a, b) => compare(a.workload ?? '', b.workload ?? '') || a.pid - b.pid || a.fd - b.fd);
}

/**
 * @param what `PID:FD` of any process, or the two ends of a connection (`A:PORT B:PORT`, in any order): then each end that a
 * member holds, in every namespace that has such a connection. @throws E_USAGE when there is no such socket.
 */
export function explainOne(scene: Scene, what: string): ExplainedSocket[] {
  const [, pid, fd] = /^(\d+):(\d+)$/.exec(what) ?? [];
  const found = pid === undefined ? byEnds(scene, what) : byDescriptor(scene, Number(pid), Number(fd));
  if (found.length > 0) return found;
  throw new ShuntError(
    'E_USAGE',
    `${what}: no TCP socket of this machine${pid ? '' : ', held by a workload,'} is that`,
  );
}

function byDescriptor(scene: Scene, pid: number, fd: number): ExplainedSocket[] {
  const found = descriptor(pid, fd);
  if (found === undefined) return [];
  const rows = tcpRowsOf(pid);
  const inMesh = rows.has(found.inode) ? rows : tcpRowsIn(namespaces(scene));
  return explain(scene, [found], (inode) => inMesh.get(inode));
}

function byEnds(scene: Scene, what: string): ExplainedSocket[] {
  const [one, other, ...more] = what
    .split(/\s+|,|->|-/)
    .filter((part) => part !== '')
    .map(canonical);
  if (one === undefined || other === undefined || more.length > 0) {
    throw new ShuntError('E_USAGE', `${JSON.stringify(what)}: expected PID:FD or ADDRESS:PORT ADDRESS:PORT`);
  }
  const rows = tcpRowsIn(namespaces(scene));
  const wanted = [`${one} ${other}`, `${other} ${one}`];
  return explain(scene, membersDescriptors(scene), (inode) => {
    const row = rows.get(inode);
    return row && wanted.includes(`${canonical(row.local)} ${canonical(row.remote)}`) ? row : undefined;
  });
}

/** One way to write an address and a port; v4-mapped addresses as IPv4. */
function canonical(end: string): string {
  try {
    const { host } = new URL(`tcp://${end}`);
    const [, high, low, port] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\](.*)$/.exec(host) ?? [];
    if (high === undefined || low === undefined) return host;
    return `${[high, low].flatMap(bytesOf).join('.')}${port}`;
  } catch {
    throw new ShuntError('E_USAGE', `${JSON.stringify(end)}: expected ADDRESS:PORT, IPv6 in brackets`);
  }
}

function bytesOf(group: string): [high: number, low: number] {
  const number = Number.parseInt(group, 16);
  return [number >> 8, number & 0xff];
}

function explain(
  scene: Scene,
  descriptors: readonly Descriptor[],
  rowOf: (inode: number) => TcpRow | undefined,
): ExplainedSocket[] {
  const { instance, dataplane, workloads, learned, fastPathEnabled } = scene;
  const names = cgroupNames(instance, workloads);
  const members = dataplane.readMembers();
  const flows = new Map(dataplane.readFlows().map((flow) => [flow.cookie, flow]));
  const { paused, promoteAfterSegments } = dataplane.readSettings();
  const owners = ownersOf(scene);
  return descriptors.flatMap((one): ExplainedSocket[] => {
    const row = rowOf(one.inode);
    const seen = row && look(one, dataplane);
    if (row === undefined || seen === undefined) return [];
    const { state, cookie } = seen;
    // An accepted or inherited socket is in the cgroup where it was made; the programs know.
    const cgroup = state?.cgroupId || owners.get(one.pid);
    const workload = names.get(cgroup ?? 0n);
    const peerWorkload = names.get(state?.peerCgroupId ?? 0n);
    const program = programName(one.pid);
    const { phase, ageMs, sentences } = explainSocket({
      ...seen,
      pid: one.pid,
      program,
      tcpState: row.state,
      reader: members.get(cgroup ?? 0n)?.reader,
      learnedBlocking: learned.facts.some((fact) => fact.workload === workload),
      workloadPaused: members.get(cgroup ?? 0n)?.paused ?? false,
      flow: flows.get(cookie),
      queue: scene.queues.get(cookie),
      peerWorkload,
      fastPath: { enabled: fastPathEnabled, paused: paused !== 0, promoteAfterSegments },
      nowNs: process.hrtime.bigint(),
    });
    return [
      {
        pid: one.pid,
        fd: one.fd,
        program,
        ...(workload === undefined ? {} : { workload }),
        ...(peerWorkload === undefined ? {} : { peerWorkload }),
        cookie: String(cookie),
        local: row.local,
        remote: row.remote,
        tcpState: row.state,
        phase,
        ...(ageMs === undefined ? {} : { ageMs }),
        sentences,
      },
    ];
  });
}

function namespaces({ instance, workloads }: Scene): string[] {
  return workloads.map(({ key }) => netnsPath(netnsName(instance.name, key)));
}

function memberCgroups({ instance, workloads }: Scene): string[] {
  return [instance.envoyCgroup, ...workloads.map(({ key }) => workloadCgroup(instance, key))];
}

/** A socket that several processes share is listed once. */
function membersDescriptors(scene: Scene): Descriptor[] {
  const all = memberCgroups(scene).flatMap(processesOf).flatMap(descriptorsOf);
  return [...new Map(all.map((one) => [one.inode, one])).values()];
}

function ownersOf(scene: Scene): Map<number, bigint> {
  return new Map(
    memberCgroups(scene).flatMap((path) => {
      const pids = processesOf(path);
      return pids.length === 0 ? [] : pids.map((pid) => [pid, cgroupId(path)] as const);
    }),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
