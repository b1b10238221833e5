/** Network namespaces of workloads: made, repaired and removed. Needs CAP_NET_ADMIN and CAP_SYS_ADMIN (root). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Topology } from '../config/topology.ts';
import { ShuntError } from '../errors.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey } from '../instance.ts';
import { runCommand } from './command.ts';
import {
  aliasPrefix,
  isPair,
  isRepaired,
  type NetnsPlan,
  netnsPlan,
  type Repairs,
  repairsOf,
  WORKLOAD_DEVICE,
  WORKLOAD_SYSCTLS,
} from './netns-plan.ts';
import { devicesByAlias, namesIn, netnsPresence, netnsState } from './netns-state.ts';

const NETNS_DIR = '/run/netns';

/**
 * Makes the workload's namespace and veth pair, or repairs what differs from the plan. Safe to repeat: when nothing differs,
 * nothing is touched. Live connections survive unless the pair itself was broken.
 * @returns what was changed, one line each; empty when all was as wanted.
 * @throws E_WORKLOAD when the device's name belongs to somebody else, or the machine is not as wanted afterwards.
 * @throws E_COMMAND when `ip` fails.
 */
export async function ensureNetns(instance: Instance, topology: Topology, workload: ResourceKey): Promise<string[]> {
  const workloadIp = topology.workloadIps[workload];
  if (workloadIp === undefined) throw new ShuntError('E_WORKLOAD', `workload ${workload}: it has no address`);
  const plan = netnsPlan(instance, workload, { workloadIp, gatewayIp: topology.gatewayIp });
  const changes: string[] = [];

  const presence = netnsPresence(plan.netnsPath);
  if (presence === 'stale') await runCommand('ip', ['netns', 'delete', plan.netns]);
  if (presence !== 'present') {
    await runCommand('ip', ['netns', 'add', plan.netns]);
    changes.push(`netns add ${plan.netns}`);
  }

  let state = await netnsState(plan);
  if (state.nodeDevice !== undefined && state.nodeDevice.alias !== plan.alias) await refuseForeign(plan, state);
  if (!isPair(state)) {
    await makePair(plan, state.nodeDevice !== undefined, state.workloadDevice !== undefined);
    changes.push(`link add ${plan.nodeDevice} peer ${WORKLOAD_DEVICE}`);
    state = await netnsState(plan);
  }

  const repairs = repairsOf(plan, state);
  changes.push(...(await apply(plan, repairs)));
  if (changes.length > 0) {
    const left = repairsOf(plan, await netnsState(plan));
    if (!isRepaired(left)) {
      throw new ShuntError('E_WORKLOAD', `workload ${workload}: its network could not be set up: ${describe(left)[0]}`);
    }
  }
  return changes;
}

/** Removes the namespace and the node's device. Absent ones are no error. Processes inside lose their network at once. */
export async function removeNetns(instance: Instance, workload: ResourceKey): Promise<void> {
  // The device first: deleting a namespace frees its devices later, and not while a socket still holds it.
  const alias = `${aliasPrefix(instance.name)}${workload}`;
  for (const device of devicesByAlias(alias).get(alias) ?? []) {
    await runCommand('ip', ['link', 'delete', 'dev', device]);
  }
  const name = netnsName(instance.name, workload);
  if (netnsPresence(netnsPath(name)) !== 'absent') await runCommand('ip', ['netns', 'delete', name]);
}

/** The workloads that have a namespace or a device of this instance on the machine, in order; needs no state file. */
export function listNetns(instance: Instance): ResourceKey[] {
  const keys = new Set<ResourceKey>();
  const prefix = `shunt.${instance.name}.`;
  for (const name of namesIn(NETNS_DIR)) {
    if (name.startsWith(prefix)) keys.add(name.slice(prefix.length).replace('.', '/') as ResourceKey);
  }
  const alias = aliasPrefix(instance.name);
  for (const name of devicesByAlias(alias).keys()) keys.add(name.slice(alias.length) as ResourceKey);
  return [...keys].sort();
}

/**
 * A device without our alias may be one of ours from a crash between `link add` and the alias: then its other end is our
 * eth0. Everything else is another instance's or a stranger's, and is left alone.
 */
async function refuseForeign(plan: NetnsPlan, state: Awaited<ReturnType<typeof netnsState>>): Promise<void> {
  if (isPair(state) && state.nodeDevice?.alias === undefined) return;
  throw new ShuntError(
    'E_WORKLOAD',
    `workload ${plan.workload}: device ${plan.nodeDevice} exists and is ${state.nodeDevice?.alias ?? 'not of shunt'}; ` +
      'choose another spec.network.workloadCidr in the Mesh',
  );
}

async function makePair(plan: NetnsPlan, nodeDeviceExists: boolean, workloadDeviceExists: boolean): Promise<void> {
  if (workloadDeviceExists) await runCommand('ip', ['-n', plan.netns, 'link', 'delete', 'dev', WORKLOAD_DEVICE]);
  if (nodeDeviceExists) await runCommand('ip', ['link', 'delete', 'dev', plan.nodeDevice]);
  await writeSysctlsInside(plan, firstSysctl());
  const { nodeDevice, nodeMac, workloadMac, mtuBytes } = plan;
  const link = `link add ${nodeDevice} address ${nodeMac} mtu ${mtuBytes} type veth`;
  const peer = `peer name ${WORKLOAD_DEVICE} address ${workloadMac} mtu ${mtuBytes} netns ${plan.netns}`;
  await runCommand('ip', ['-batch', '-'], {
    input: `${link} ${peer}\nlink set dev ${nodeDevice} alias ${plan.alias}\n`,
  });
}

/** The one that must be set before eth0 exists. */
function firstSysctl(): Record<string, string> {
  return Object.fromEntries(Object.entries(WORKLOAD_SYSCTLS).slice(0, 1));
}

async function apply(plan: NetnsPlan, repairs: Repairs): Promise<string[]> {
  for (const [path, value] of Object.entries(repairs.nodeSysctls)) writeFileSync(join('/proc/sys', path), value);
  await writeSysctlsInside(plan, repairs.workloadSysctls);
  if (repairs.workload.length > 0) {
    await runCommand('ip', ['-n', plan.netns, '-batch', '-'], { input: `${repairs.workload.join('\n')}\n` });
  }
  if (repairs.node.length > 0) await runCommand('ip', ['-batch', '-'], { input: `${repairs.node.join('\n')}\n` });
  return describe(repairs);
}

function describe(repairs: Repairs): string[] {
  return [
    ...Object.entries(repairs.nodeSysctls).map(([path, value]) => `node: ${path}=${value}`),
    ...Object.entries(repairs.workloadSysctls).map(([path, value]) => `workload: ${path}=${value}`),
    ...repairs.workload.map((step) => `workload: ${step}`),
    ...repairs.node.map((step) => `node: ${step}`),
  ];
}

async function writeSysctlsInside(plan: NetnsPlan, sysctls: Readonly<Record<string, string>>): Promise<void> {
  const pairs = Object.entries(sysctls).flat();
  if (pairs.length === 0) return;
  const script =
    'while [ $# -gt 0 ]; do [ ! -e "/proc/sys/$1" ] || echo "$2" > "/proc/sys/$1" || exit 1; shift 2; done';
  await runCommand('nsenter', [`--net=${plan.netnsPath}`, 'sh', '-c', script, 'sh', ...pairs]);
}
