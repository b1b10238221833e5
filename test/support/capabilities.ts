/**
 * What a kernel may lack, asked of the kernel itself. A test that needs it is skipped with kernel and reason; a test that
 * is skipped on every kernel of `npm run test:kernels` fails there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, type TestOptions } from 'vitest';
import { BpfObject } from '../../src/bpf/object.ts';
import { PROMOTION_PROGRAMS } from '../../src/dataplane/hooks.ts';
import { cgroup2Mount } from '../../src/instance.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Read by scripts/kernels. */
    skipReason?: string;
  }
}

const BTF = '/sys/kernel/btf/vmlinux';

/** A structure or field of the kernel is there when its name is in the kernel's types. */
const knows = (name: string, lacking: string) => (): string | undefined =>
  existsSync(BTF) && readFileSync(BTF).includes(`\0${name}\0`) ? undefined : lacking;

/** The verifier's own reason, on one line. */
const loads = (name: string, skipped: readonly string[]) => (): string | undefined => {
  const path = fileURLToPath(new URL(`../../build/bpf/${name}.bpf.o`, import.meta.url));
  try {
    using object = BpfObject.open(path, { skip: (program) => skipped.includes(program) });
    object.load();
    return undefined;
  } catch (error) {
    return `it refuses ${name}.bpf.o: ${(error as Error).message.split('\n')[0]}`;
  }
};
const promotesByTc = loads('fastpath', PROMOTION_PROGRAMS.iterator);
const promotesByIterator = loads('fastpath', PROMOTION_PROGRAMS.tc);

/** What Node cannot call. `statement`: Python that fails where the kernel refuses it. */
const runs = (statement: string, lacking: string) => (): string | undefined =>
  spawnSync('python3', ['-c', `import os, socket; ${statement}`]).status === 0 ? undefined : lacking;

const isAtLeast = (major: number, minor: number, lacking: string) => (): string | undefined => {
  const [hasMajor = 0, hasMinor = 0] = release().split('.').map(Number);
  return hasMajor > major || (hasMajor === major && hasMinor >= minor) ? undefined : lacking;
};

/** The same versions as in bpf/include/fastpath_queue.h, which says why. */
const keepsItsWindow = (): string | undefined => {
  const [major = 0, minor = 0, patch = 0] = release().split(/\D/).map(Number);
  const version = (major * 1000 + minor) * 1000 + patch;
  return (version >= 6_017_000 && version < 6_018_018) || (version >= 6_019_000 && version < 6_019_008)
    ? 'its TCP by itself drops segments that its window promised to take'
    : undefined;
};

/** Each answers with what is lacking; undefined: nothing. */
const PROBES = {
  capture: loads('capture', []),
  'fast path': () => {
    const byTc = promotesByTc();
    return byTc === undefined || promotesByIterator() === undefined ? undefined : byTc;
  },
  'promotion by tc': promotesByTc,
  'promotion by iterator': promotesByIterator,
  conntrack: () => {
    const script =
      'nft add table inet t && nft add chain inet t c && nft add rule inet t c ct state new accept && cat /proc/net/nf_conntrack';
    return spawnSync('unshare', ['--net', 'sh', '-c', script]).status === 0
      ? undefined
      : 'it has no nftables with connection tracking, or no /proc/net/nf_conntrack';
  },
  'memory limits of cgroups': () =>
    readFileSync(join(cgroup2Mount(), 'cgroup.controllers'), 'utf8').includes('memory')
      ? undefined
      : 'its cgroup v2 has no memory controller',
  'length of a queue': knows('msg_tot_len', 'it does not count the bytes of a queue of redirected messages'),
  'window that is kept': keepsItsWindow,
  'all flags of a promoted sender': isAtLeast(
    6,
    1,
    'it ignores MSG_FASTOPEN and MSG_ZEROCOPY of a socket in a socket hash',
  ),
  'small reads without mapping': isAtLeast(5, 11, 'its TCP_ZEROCOPY_RECEIVE copies nothing'),
  'peek offset of TCP': runs('socket.socket().setsockopt(1, 42, 0)', 'it has no SO_PEEK_OFF for TCP'),
  // A socket that is not connected is refused either way: because of that, or because nobody knows the name.
  'TLS of its own': runs(
    'import errno\ntry: socket.socket().setsockopt(6, 31, b"tls")\nexcept OSError as e: exit(e.errno != errno.ENOTCONN)',
    'it has no TLS',
  ),
  'cookie of a namespace': runs('socket.socket().getsockopt(1, 71, 8)', 'it has no SO_NETNS_COOKIE'),
  'sendfile into a pipe': runs(
    'l = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(l.getsockname()); s, _ = l.accept(); c.send(b"x"); os.sendfile(os.pipe()[1], s.fileno(), None, 1)',
    'its sendfile takes nothing from a socket into a pipe',
  ),
} satisfies Record<string, () => string | undefined>;

export type Capability = keyof typeof PROBES;

const answers = new Map<Capability, string | undefined>();

function lacking(capabilities: readonly Capability[]): string | undefined {
  for (const capability of capabilities) {
    if (!answers.has(capability)) answers.set(capability, PROBES[capability]());
    const answer = answers.get(capability);
    if (answer !== undefined) return `kernel ${release()}: ${answer}`;
  }
  return undefined;
}

export function has(...capabilities: readonly Capability[]): boolean {
  return lacking(capabilities) === undefined;
}

/** Options of a test or a suite: skipped when something is lacking, with the reason. */
export function needs(...capabilities: readonly Capability[]): TestOptions {
  const skipReason = lacking(capabilities);
  return skipReason === undefined ? {} : { skip: true, meta: { skipReason } };
}

/** The same for all tests of a file that has no hooks of its own. */
export function allNeed(...capabilities: readonly Capability[]): void {
  beforeEach((context) => {
    const skipReason = lacking(capabilities);
    if (skipReason === undefined) return;
    context.task.meta.skipReason = skipReason;
    context.skip(skipReason);
  });
}
