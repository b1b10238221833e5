/**
 * The argument vector that puts a program into a workload. Pure.
 *
 * Each link executes the next in its own place, so the pid stays the same from spawn to program, signals reach the program
 * and its exit status is the child's: nsenter (network namespace) -> unshare (own mounts) -> sh (cgroup, hosts file, resolv.conf) ->
 * refuse-splice (no splice(2)) -> setpriv (user) -> env -> program. Not `ip netns exec`, which mounts another /sys and so hides cgroups and bpffs.
 */
import type { Account } from './account.ts';
import type { Splice } from './readers.ts';

/** Set last and only for the program: found in /proc/PID/environ it says that the program itself has been executed. */
export const RUN_HASH_VARIABLE = 'SHUNT_RUN_HASH';
export const WORKLOAD_VARIABLE = 'SHUNT_WORKLOAD';

/**
 * Variables that are set by the last link and not before. Those of the dynamic loader and libc, so that a library named by a
 * workload's environment never runs as root in the links before; and those that a shell changes or loses. All others pass
 * through the links unseen; not as arguments, which every user of the node can read.
 */
const LATE_VARIABLE =
  /^(LD_.*|GLIBC_TUNABLES|MALLOC_.*|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|RES_OPTIONS|ENV|IFS|OPTIND|PPID|.*[^A-Za-z0-9_].*|[0-9].*)$/s;

/** Absolute paths of the links, so that the workload's PATH does not choose them. */
export interface ChainTools {
  readonly nsenter: string;
  readonly unshare: string;
  readonly sh: string;
  readonly mount: string;
  /** native/refuse-splice. */
  readonly refuseSplice: string;
  readonly setpriv: string;
  readonly env: string;
}

export interface ChainOptions {
  readonly netnsPath: string;
  readonly cgroup: string;
  readonly hostsFile: string;
  readonly resolvConfFile: string;
  readonly splice: Splice;
  /** Absent: stays root. */
  readonly account?: Account;
  /** The program's whole environment, without the run hash. */
  readonly env: Readonly<Record<string, string>>;
  readonly runHash: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
}

/** What to spawn. */
export interface Chain {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Arguments: cgroup, mount, hosts file, resolv.conf, then what to execute. 125 as env(1) has it: the link failed, not the program. */
const ENTER = [
  'echo 0 > "$1/cgroup.procs" && "$2" --bind "$3" /etc/hosts || exit 125',
  '[ ! -e /etc/resolv.conf ] || "$2" --bind "$4" /etc/resolv.conf || exit 125',
  'shift 4',
  'exec "$@"',
].join('\n');

export function chainOf(tools: ChainTools, options: ChainOptions): Chain {
  const { account, env } = options;
  const late = Object.keys(env).filter((name) => LATE_VARIABLE.test(name));
  const assignments = [...late.map((name) => `${name}=${env[name]}`), `${RUN_HASH_VARIABLE}=${options.runHash}`];
  return {
    file: tools.nsenter,
    args: [
      `--net=${options.netnsPath}`,
      '--',
      tools.unshare,
      '--mount',
      // Mounts that the node makes later appear inside; mounts made inside stay inside.
      '--propagation=slave',
      '--',
      tools.sh,
      '-c',
      ENTER,
      'sh',
      options.cgroup,
      tools.mount,
      options.hostsFile,
      options.resolvConfFile,
      ...(options.splice === 'refused' ? [tools.refuseSplice] : []),
      ...(account === undefined ? [] : dropTo(tools, account)),
      tools.env,
      ...assignments,
      options.program,
      ...options.args,
    ],
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !late.includes(name))),
  };
}

/** No new privileges: a set-user-ID program must not become root, which could leave the namespace and so the identity. */
function dropTo(tools: ChainTools, account: Account): string[] {
  return [
    tools.setpriv,
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--init-groups',
    '--inh-caps=-all',
    '--no-new-privs',
    '--',
  ];
}
