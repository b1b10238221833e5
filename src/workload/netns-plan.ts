/**
 * What a workload's network must look like, and what has to change to get there. Pure.
 *
 *     namespace                                    node
 *     eth0  workloadIp/32  <--- veth pair --->     sh<hex>  gatewayIp/32
 *     gatewayIp dev eth0                           workloadIp dev sh<hex> src gatewayIp
 *     default via gatewayIp                        forwarding=1, rp_filter=1 of this device alone
 *
 * Forwarding is switched on for the workload's device and not for the machine, so that it ends with the device and there is
 * nothing to restore. Strict rp_filter drops what does not come from the workload's own address. No NAT: workloads
 * reach each other and the node's own addresses; the world outside does not know their addresses and cannot answer.
 */
import { type Instance, netnsName, netnsPath, type ResourceKey } from '../instance.ts';

/** Device of the workload inside its namespace. */
export const WORKLOAD_DEVICE = 'eth0';
const MTU_BYTES = 1500;

export interface NetnsPlan {
  readonly workload: ResourceKey;
  readonly netns: string;
  readonly netnsPath: string;
  readonly workloadIp: string;
  readonly gatewayIp: string;
  readonly nodeDevice: string;
  readonly nodeMac: string;
  readonly workloadMac: string;
  readonly mtuBytes: number;
  /** Kept on the node's device: tells, without any state file, whose it is. */
  readonly alias: string;
}

/** One device as `ip -j addr show` and `ip -j link show` tell it. */
export interface DeviceState {
  readonly index: number;
  /** Index of the veth peer in its own namespace. */
  readonly peerIndex: number | undefined;
  readonly up: boolean;
  readonly mtuBytes: number;
  readonly mac: string;
  readonly alias: string | undefined;
  /** ADDRESS/PREFIX, both families. */
  readonly addresses: readonly string[];
}

export interface RouteState {
  readonly destination: string;
  readonly gateway?: string;
  readonly source?: string;
}

/** What is on the machine; a device that does not exist is undefined, a sysctl that does not exist is absent. */
export interface NetnsState {
  readonly nodeDevice: DeviceState | undefined;
  readonly nodeRoutes: readonly RouteState[];
  readonly workloadDevice: DeviceState | undefined;
  readonly loopbackUp: boolean;
  readonly workloadRoutes: readonly RouteState[];
  /** Path below /proc/sys -> value. */
  readonly nodeSysctls: Readonly<Record<string, string>>;
  readonly workloadSysctls: Readonly<Record<string, string>>;
}

/** Arguments of `ip` and sysctls to write, on each side, in order. All empty: nothing differs. */
export interface Repairs {
  readonly node: readonly string[];
  readonly workload: readonly string[];
  readonly nodeSysctls: Readonly<Record<string, string>>;
  readonly workloadSysctls: Readonly<Record<string, string>>;
}

/** The node's side of a workload's veth pair: `sh` and the address in hex, 10 characters of the 15 that Linux allows. */
export function nodeDeviceName(workloadIp: string): string {
  return `sh${hexOf(workloadIp)}`;
}

/** What the alias of every node device of an instance begins with. */
export function aliasPrefix(instanceName: string): string {
  return `shunt:${instanceName}:`;
}

export function netnsPlan(
  instance: Instance,
  workload: ResourceKey,
  addresses: { readonly workloadIp: string; readonly gatewayIp: string },
): NetnsPlan {
  const netns = netnsName(instance.name, workload);
  // Explicit addresses keep udev's MACAddressPolicy from changing them after a neighbour has learnt them.
  const tail = (hexOf(addresses.workloadIp).match(/../g) as string[]).join(':');
  return {
    workload,
    netns,
    netnsPath: netnsPath(netns),
    ...addresses,
    nodeDevice: nodeDeviceName(addresses.workloadIp),
    nodeMac: `02:01:${tail}`,
    workloadMac: `02:00:${tail}`,
    mtuBytes: MTU_BYTES,
    alias: `${aliasPrefix(instance.name)}${workload}`,
  };
}

/** Sysctls of the node's device; IPv6 is off on both ends because nothing captures it. */
export function nodeSysctls(plan: NetnsPlan): Record<string, string> {
  return {
    [`net/ipv4/conf/${plan.nodeDevice}/forwarding`]: '1',
    [`net/ipv4/conf/${plan.nodeDevice}/rp_filter`]: '1',
    [`net/ipv6/conf/${plan.nodeDevice}/disable_ipv6`]: '1',
  };
}

/** `default` comes first: set before eth0 exists, eth0 never has a link-local address. ::1 on lo stays. */
export const WORKLOAD_SYSCTLS: Readonly<Record<string, string>> = {
  'net/ipv6/conf/default/disable_ipv6': '1',
  [`net/ipv6/conf/${WORKLOAD_DEVICE}/disable_ipv6`]: '1',
};

/** True when both devices exist and are the two ends of one veth pair. */
export function isPair(state: NetnsState): boolean {
  const { nodeDevice, workloadDevice } = state;
  return (
    nodeDevice !== undefined &&
    workloadDevice !== undefined &&
    nodeDevice.peerIndex === workloadDevice.index &&
    workloadDevice.peerIndex === nodeDevice.index
  );
}

/** The difference, for a state whose veth pair exists ({@link isPair}). */
export function repairsOf(plan: NetnsPlan, state: NetnsState): Repairs {
  const node = deviceRepairs(plan.nodeDevice, state.nodeDevice, {
    mac: plan.nodeMac,
    mtuBytes: plan.mtuBytes,
    address: `${plan.gatewayIp}/32`,
  });
  if (state.nodeDevice?.alias !== plan.alias) node.push(`link set dev ${plan.nodeDevice} alias ${plan.alias}`);
  if (!hasRoute(state.nodeRoutes, { destination: plan.workloadIp, source: plan.gatewayIp })) {
    node.push(`route replace ${plan.workloadIp}/32 dev ${plan.nodeDevice} scope link src ${plan.gatewayIp}`);
  }

  const workload = deviceRepairs(WORKLOAD_DEVICE, state.workloadDevice, {
    mac: plan.workloadMac,
    mtuBytes: plan.mtuBytes,
    address: `${plan.workloadIp}/32`,
  });
  if (!state.loopbackUp) workload.unshift('link set dev lo up');
  if (!hasRoute(state.workloadRoutes, { destination: plan.gatewayIp })) {
    workload.push(`route replace ${plan.gatewayIp}/32 dev ${WORKLOAD_DEVICE} scope link`);
  }
  if (!hasRoute(state.workloadRoutes, { destination: 'default', gateway: plan.gatewayIp })) {
    workload.push(`route replace default via ${plan.gatewayIp} dev ${WORKLOAD_DEVICE}`);
  }
  return {
    node,
    workload,
    nodeSysctls: differing(nodeSysctls(plan), state.nodeSysctls),
    workloadSysctls: differing(WORKLOAD_SYSCTLS, state.workloadSysctls),
  };
}

export function isRepaired(repairs: Repairs): boolean {
  return Object.values(repairs).every((side) => Object.keys(side).length === 0);
}

function deviceRepairs(
  device: string,
  state: DeviceState | undefined,
  want: { mac: string; mtuBytes: number; address: string },
): string[] {
  const steps: string[] = [];
  if (state?.mac !== want.mac) steps.push(`link set dev ${device} address ${want.mac}`);
  if (state?.mtuBytes !== want.mtuBytes) steps.push(`link set dev ${device} mtu ${want.mtuBytes}`);
  // Link-local IPv6 addresses go when disable_ipv6 is written.
  const v4 = (state?.addresses ?? []).filter((address) => !address.includes(':'));
  for (const address of v4) {
    if (address !== want.address) steps.push(`address delete ${address} dev ${device}`);
  }
  if (!v4.includes(want.address)) steps.push(`address replace ${want.address} dev ${device}`);
  if (state?.up !== true) steps.push(`link set dev ${device} up`);
  return steps;
}

function hasRoute(routes: readonly RouteState[], want: RouteState): boolean {
  return routes.some(
    (route) => route.destination === want.destination && route.gateway === want.gateway && route.source === want.source,
  );
}

/** Only what exists can be written: a kernel without IPv6 has no such sysctl. */
function differing(want: Readonly<Record<string, string>>, have: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(want).filter(([path, value]) => path in have && have[path] !== value));
}

function hexOf(ipv4: string): string {
  return ipv4
    .split('.')
    .map((octet) => Number(octet).toString(16).padStart(2, '0'))
    .join('');
}
