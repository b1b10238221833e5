/** From a workload and a command to what has to be spawned, with everything checked that can be checked before. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ShuntError } from '../errors.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey, workloadCgroup } from '../instance.ts';
import { type Account, findAccount } from './account.ts';
import { type Chain, type ChainTools, chainOf, WORKLOAD_VARIABLE } from './chain.ts';
import { hostsFile, resolvConfFile } from './hosts.ts';
import { netnsPresence } from './netns-state.ts';
import { DEFAULT_PATH, findProgram } from './program.ts';
import type { Splice } from './readers.ts';

/** Where scripts/build puts native programs. */
const NATIVE = fileURLToPath(new URL('../../build/native', import.meta.url));

/** A command in a workload. */
export interface EnterOptions {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  /**
   * The whole environment of the program, but for HOME, LOGNAME, USER, SHELL and PATH, which get the account's and the
   * node's defaults where they are absent, and for SHUNT_WORKLOAD and SHUNT_RUN_HASH, which are always set.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Name or number. Default: root. */
  readonly user?: string;
  /** Absolute. Default `/`. */
  readonly cwd?: string;
  /** Default `refused`: what {@link spliceOf} says of the workload. */
  readonly splice?: Splice;
  /** Becomes SHUNT_RUN_HASH: how a later supervisor knows what it finds. Default `-`. */
  readonly hash?: string;
}

export interface Entrance extends Chain {
  readonly account: Account | undefined;
  readonly cwd: string;
}

/**
 * The namespace, the cgroup and the hosts file must exist (ensureNetns, ensureCgroup, publishHosts).
 * @throws E_WORKLOAD naming what is missing: the program, the user, the directory, the namespace, the cgroup.
 * @throws E_NEEDS when a tool of util-linux is not installed.
 */
export async function entranceOf(instance: Instance, workload: ResourceKey, options: EnterOptions): Promise<Entrance> {
  try {
    return await prepare(instance, workload, options);
  } catch (error) {
    if (!(error instanceof ShuntError) || error.code !== 'E_WORKLOAD') throw error;
    throw new ShuntError('E_WORKLOAD', `workload ${workload}: ${error.message}`, { cause: error });
  }
}

async function prepare(instance: Instance, workload: ResourceKey, options: EnterOptions): Promise<Entrance> {
  const namespace = netnsPath(netnsName(instance.name, workload));
  const cgroup = workloadCgroup(instance, workload);
  const hosts = hostsFile(instance, workload.split('/')[0] as string);
  if (netnsPresence(namespace) !== 'present') throw new ShuntError('E_WORKLOAD', `no network namespace ${namespace}`);
  const resolvConf = resolvConfFile(instance);
  for (const path of [cgroup, hosts, resolvConf]) {
    if (!existsSync(path)) throw new ShuntError('E_WORKLOAD', `${path} does not exist`);
  }
  const [name, ...args] = options.command;
  if (name === undefined) throw new ShuntError('E_WORKLOAD', 'the command is empty');
  const { cwd = '/' } = options;
  if (!(statSync(cwd, { throwIfNoEntry: false })?.isDirectory() ?? false)) {
    throw new ShuntError('E_WORKLOAD', `working directory ${cwd}: no such directory`);
  }
  const account = options.user === undefined ? undefined : await findAccount(options.user);
  const env = {
    ...defaultEnvironment(account ?? (await findAccount('0'))),
    ...options.env,
    [WORKLOAD_VARIABLE]: workload,
  };
  const chain = chainOf(findTools(), {
    netnsPath: namespace,
    cgroup,
    hostsFile: hosts,
    resolvConfFile: resolvConf,
    splice: options.splice ?? 'refused',
    ...(account === undefined || account.uid === 0 ? {} : { account }),
    env,
    runHash: options.hash ?? '-',
    program: findProgram(name, cwd, env.PATH),
    args,
  });
  return { ...chain, account, cwd };
}

function defaultEnvironment(account: Account): Record<string, string> & { PATH: string } {
  return { PATH: DEFAULT_PATH, HOME: account.home, USER: account.name, LOGNAME: account.name, SHELL: account.shell };
}

let tools: ChainTools | undefined;

function findTools(): ChainTools {
  tools ??= {
    nsenter: tool('nsenter'),
    unshare: tool('unshare'),
    sh: tool('sh'),
    mount: tool('mount'),
    refuseSplice: nativeTool('refuse-splice'),
    setpriv: tool('setpriv'),
    env: tool('env'),
  };
  return tools;
}

function tool(name: string): string {
  try {
    return findProgram(name, '/');
  } catch (cause) {
    throw new ShuntError('E_NEEDS', `${name} is missing; install it: apt-get install util-linux mount coreutils`, {
      cause,
    });
  }
}

function nativeTool(name: string): string {
  const path = join(NATIVE, name);
  if (!existsSync(path)) throw new ShuntError('E_NEEDS', `${path} is missing; build it: scripts/build`);
  return path;
}
