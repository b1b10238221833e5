/**
 * A throw-away instance on the real kernel: its cgroups, and two workloads `t/a` and `t/b` whose namespaces are joined
 * by a veth. Most programs are Python: Node has no getsockopt.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BpfLink } from '../../../src/bpf/link.ts';
import type { Workload } from '../../../src/config/model.ts';
import type { Topology } from '../../../src/config/topology.ts';
import { namesIn, pinsIn } from '../../../src/dataplane/layout.ts';
import { removeDataplane } from '../../../src/dataplane/remove.ts';
import { type Instance, instance, netnsName, netnsPath, workloadCgroup } from '../../../src/instance.ts';
import { patient } from '../../support/patience.ts';

export type Side = 'a' | 'b';

export const IPS = { a: '10.99.0.1', b: '10.99.0.2', web: '10.98.0.1', db: '10.98.0.2' } as const;
/** The mesh has none; here to see that they do not open a way around it. */
export const IPV6 = { a: 'fd99::1', b: 'fd99::2' } as const;
/** web:80 (HTTP) and db:5432 (TCP) are Services in front of these ports of workload b. */
export const PORTS = { web: 80, webTarget: 8080, db: 5432, dbTarget: 5433, proxy: 15001 } as const;

export class Sandbox implements AsyncDisposable {
  readonly instance: Instance;
  readonly topology: Topology;
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.instance = instance(`dp-${randomBytes(4).toString('hex')}`);
    this.topology = topologyOf(this.instance);
    mkdirSync(this.instance.envoyCgroup, { recursive: true });
    for (const side of ['a', 'b'] as const) {
      mkdirSync(this.cgroup(side), { recursive: true });
      ip('netns', 'add', this.#netns(side));
    }
    const veth = `link add eth0 type veth peer name eth0 netns ${this.#netns('b')}`;
    for (const side of ['a', 'b'] as const) {
      ipBatch(this.#netns(side), [
        ...(side === 'a' ? [veth] : []),
        'link set lo up',
        `addr add ${IPS[side]}/24 dev eth0`,
        `addr add ${IPV6[side]}/64 dev eth0 nodad`,
        'link set eth0 up',
      ]);
    }
  }

  netnsPath(side: Side): string {
    return netnsPath(this.#netns(side));
  }

  cgroup(side: Side): string {
    return workloadCgroup(this.instance, `t/${side}`);
  }

  /** Runs a script of this folder in a workload's namespace and in the given cgroup; its last line of output is JSON. */
  run<T>(side: Side, cgroup: string, script: string, ...args: readonly string[]): T {
    const [file, ...rest] = this.#command(side, cgroup, script, args);
    const lines = execFileSync(file, rest, { encoding: 'utf8', timeout: patient(20_000) })
      .trim()
      .split('\n');
    return JSON.parse(lines.at(-1) ?? '') as T;
  }

  /** Starts a script; killed when the sandbox goes. */
  spawn(side: Side, cgroup: string, script: string, ...args: readonly string[]): JsonLines {
    const [file, ...rest] = this.#command(side, cgroup, script, args);
    const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#children.push(child);
    return new JsonLines(child);
  }

  /** Starts a server and waits for its first line, which says that it listens. */
  async start(side: Side, cgroup: string, script: string, ...args: readonly string[]): Promise<JsonLines> {
    const server = this.spawn(side, cgroup, script, ...args);
    await server.next();
    return server;
  }

  /** Names of the programs that are attached to the instance's cgroups, one for each attachment. */
  attached(): string[] {
    const { cgroup, workloadsCgroup, proxiesCgroup } = this.instance;
    return [cgroup, workloadsCgroup, proxiesCgroup].flatMap((path) => {
      const text = execFileSync('bpftool', ['-j', 'cgroup', 'show', path], { encoding: 'utf8' }).trim();
      return (JSON.parse(text || '[]') as { name: string }[]).map(({ name }) => name);
    });
  }

  /** Pinned links by name. */
  links(): Record<string, { id: string; tag: string }> {
    const entries = namesIn(pinsIn(this.instance.pinDir).links).map((name) => {
      using link = BpfLink.open(join(pinsIn(this.instance.pinDir).links, name));
      const id = /^link_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${link.fd}`, 'utf8'))?.[1] ?? '';
      return [name, { id, tag: link.programTag() }] as const;
    });
    return Object.fromEntries(entries);
  }

  /** Lines of `tc filter show` on a device. */
  filters(side: Side, device: string): string[] {
    const command = ['-n', this.#netns(side), 'filter', 'show', 'dev', device, 'ingress'];
    return execFileSync('tc', command, { encoding: 'utf8' }).trim().split('\n').filter(Boolean);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(ended));
    removeDataplane(this.instance);
    for (const side of ['a', 'b'] as const) ip('netns', 'del', this.#netns(side));
    removeTree(this.instance.cgroup);
    const shared = dirname(this.instance.cgroup);
    if (readdirSync(shared, { withFileTypes: true }).every((entry) => !entry.isDirectory())) rmdirSync(shared);
  }

  #netns(side: Side): string {
    return netnsName(this.instance.name, `t/${side}`);
  }

  /** The shell enters the cgroup before the script, and its sockets, exist. */
  #command(side: Side, cgroup: string, script: string, args: readonly string[]): [string, ...string[]] {
    const path = join(import.meta.dirname, 'programs', script);
    const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
    const interpreter = script.endsWith('.py') ? 'python3' : process.execPath;
    return ['nsenter', `--net=${this.netnsPath(side)}`, 'sh', '-c', enter, cgroup, interpreter, path, ...args];
  }
}

/** What a child prints, a JSON value a line. */
export class JsonLines {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => {};
  #ended = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      this.#lines.push(...parts);
      this.#wake();
    });
    child.once('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Sends a signal to the program itself: the shell and nsenter have become it. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the end. */
  async ended(): Promise<NodeJS.Signals | number | null> {
    while (!this.#ended) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    return this.#child.signalCode ?? this.#child.exitCode;
  }

  async next<T>(): Promise<T> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return JSON.parse(line) as T;
      if (this.#ended) throw new Error('the program ended without another line');
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** All in one process: forks are what tests in an emulated guest wait for. */
function ipBatch(netns: string, commands: readonly string[]): void {
  execFileSync('ip', ['-n', netns, '-batch', '-'], { input: commands.join('\n'), stdio: ['pipe', 'ignore', 'pipe'] });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((done) => child.once('close', done));
  child.kill('SIGKILL');
  await closed;
}

function removeTree(cgroup: string): void {
  if (!existsSync(cgroup)) return;
  for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(cgroup, entry.name));
  }
  rmdirSync(cgroup);
}

function topologyOf(inst: Instance): Topology {
  const workload = (name: Side): Workload => ({
    key: `t/${name}`,
    name,
    namespace: 't',
    labels: { app: name },
    serviceAccount: name,
    fastPath: 'auto',
  });
  const selector = { app: 'b' };
  const web = { name: 'http', port: PORTS.web, targetPort: PORTS.webTarget, protocol: 'http' } as const;
  const db = { name: 'tcp', port: PORTS.db, targetPort: PORTS.dbTarget, protocol: 'tcp' } as const;
  return {
    instance: inst.name,
    model: {
      mesh: {
        trustDomain: 'cluster.local',
        network: {},
        fastPath: { enabled: true, promoteAfterSegments: 8, maxQueuedBytes: 1 << 20, greedyReaders: [] },
        proxy: {},
      },
      workloads: [workload('a'), workload('b')],
      services: [
        { key: 't/db', name: 'db', namespace: 't', selector, ports: [db] },
        { key: 't/web', name: 'web', namespace: 't', selector, ports: [web] },
      ],
      policies: [],
      plugins: [],
    },
    gatewayIp: '10.99.0.254',
    workloadCidr: '10.99.0.0/24',
    serviceCidr: '10.98.0.0/24',
    workloadIps: { 't/a': IPS.a, 't/b': IPS.b },
    serviceIps: { 't/web': IPS.web, 't/db': IPS.db },
  };
}
