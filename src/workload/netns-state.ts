/** Reads what of a workload's network is on the machine, by `ip -j`. Changes nothing. */
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { ShuntError } from '../errors.ts';
import { runCommand, tryCommand } from './command.ts';
import {
  type DeviceState,
  type NetnsPlan,
  type NetnsState,
  nodeSysctls,
  type RouteState,
  WORKLOAD_DEVICE,
  WORKLOAD_SYSCTLS,
} from './netns-plan.ts';

/** `f_type` of nsfs (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673;
const DEVICES_DIR = '/sys/class/net';

/** As iproute2 prints it; only what is read here. */
interface IpDevice {
  ifindex: number;
  ifname: string;
  link_index?: number;
  flags: string[];
  mtu: number;
  address: string;
  ifalias?: string;
  addr_info?: { local: string; prefixlen: number }[];
}

interface IpRoute {
  dst: string;
  gateway?: string;
  prefsrc?: string;
  dev: string;
}

/** `absent`; `stale`: the file is there without a namespace mounted on it (a crash between the two); `present`. */
export function netnsPresence(path: string): 'absent' | 'stale' | 'present' {
  try {
    return statfsSync(path).type === NSFS_MAGIC ? 'present' : 'stale';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw new ShuntError('E_SYSCALL', `statfs ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** The namespace must exist. @throws E_COMMAND */
export async function netnsState(plan: NetnsPlan): Promise<NetnsState> {
  const [node, inside] = await Promise.all([nodeSide(plan.nodeDevice), workloadSide(plan.netnsPath)]);
  return {
    ...node,
    ...inside,
    nodeSysctls: readSysctls(Object.keys(nodeSysctls(plan))),
  };
}

/** The node's devices that carry an alias with this prefix: alias -> device names. */
export function devicesByAlias(prefix: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const device of namesIn(DEVICES_DIR)) {
    const alias = readIfExists(join(DEVICES_DIR, device, 'ifalias'))?.trimEnd();
    if (alias?.startsWith(prefix)) found.set(alias, [...(found.get(alias) ?? []), device]);
  }
  return found;
}

/** Names in a directory, in order; none when it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new ShuntError('E_SYSCALL', `read ${directory}: ${(error as Error).message}`, { cause: error });
  }
}

async function nodeSide(device: string): Promise<Pick<NetnsState, 'nodeDevice' | 'nodeRoutes'>> {
  // `link show` is the one that tells the alias, `address show` the addresses.
  const commands = ['address', 'link', 'route'].map((noun) => `${noun} show dev ${device}\n`).join('');
  const { status, stdout, stderr } = await tryCommand('ip', ['-j', '-batch', '-'], { input: commands });
  if (status !== 0) {
    if (stderr.includes('does not exist')) return { nodeDevice: undefined, nodeRoutes: [] };
    throw new ShuntError('E_COMMAND', `ip address show dev ${device}: ${stderr.split('\n')[0]}`);
  }
  const [addresses, links, routes] = stdout.trimEnd().split('\n');
  const alias = parse<IpDevice>(links ?? '')[0]?.ifalias;
  const state = parse<IpDevice>(addresses ?? '').map(deviceState)[0];
  return {
    nodeDevice: state === undefined ? undefined : { ...state, alias },
    nodeRoutes: parse<IpRoute>(routes ?? '').map(routeState),
  };
}

const WORKLOAD_PATHS = Object.keys(WORKLOAD_SYSCTLS);

async function workloadSide(
  path: string,
): Promise<Pick<NetnsState, 'workloadDevice' | 'loopbackUp' | 'workloadRoutes' | 'workloadSysctls'>> {
  // /proc/sys/net shows the namespace of the process that reads it, so a process inside has to read it.
  const script = `ip -j address show && ip -j route show; for f; do
    [ -e "/proc/sys/$f" ] && echo "$f $(cat "/proc/sys/$f")"; done; :`;
  const output = await runCommand('nsenter', [`--net=${path}`, 'sh', '-c', script, 'sh', ...WORKLOAD_PATHS]);
  const [addresses, routes, ...sysctls] = output.trimEnd().split('\n');
  const devices = parse<IpDevice>(addresses ?? '');
  const workloadDevice = devices.find(({ ifname }) => ifname === WORKLOAD_DEVICE);
  return {
    workloadDevice: workloadDevice === undefined ? undefined : deviceState(workloadDevice),
    loopbackUp: devices.some(({ ifname, flags }) => ifname === 'lo' && flags.includes('UP')),
    workloadRoutes: parse<IpRoute>(routes ?? '')
      .filter(({ dev }) => dev === WORKLOAD_DEVICE)
      .map(routeState),
    workloadSysctls: Object.fromEntries(sysctls.map((line) => line.split(' ') as [string, string])),
  };
}

function readSysctls(paths: readonly string[]): Record<string, string> {
  const values = paths.map((path) => [path, readIfExists(join('/proc/sys', path))?.trimEnd()] as const);
  return Object.fromEntries(values.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** A device can go between listing and reading; some files of sysfs then say EINVAL or ENODEV. */
function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENODEV' || code === 'EINVAL') return undefined;
    throw new ShuntError('E_SYSCALL', `read ${path}: ${message}`, { cause: error });
  }
}

function parse<T>(json: string): T[] {
  return json.trim() === '' ? [] : (JSON.parse(json) as T[]);
}

function deviceState(device: IpDevice): DeviceState {
  return {
    index: device.ifindex,
    peerIndex: device.link_index,
    up: device.flags.includes('UP'),
    mtuBytes: device.mtu,
    mac: device.address,
    alias: device.ifalias,
    addresses: (device.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  };
}

function routeState(route: IpRoute): RouteState {
  return {
    destination: route.dst,
    ...(route.gateway === undefined ? {} : { gateway: route.gateway }),
    ...(route.prefsrc === undefined ? {} : { source: route.prefsrc }),
  };
}
