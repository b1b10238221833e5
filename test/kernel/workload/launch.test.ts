import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { findAccount } from '../../../src/workload/account.ts';
import { processesOf } from '../../../src/workload/cgroup.ts';
import { type LaunchOptions, launch, workloadLog } from '../../../src/workload/launch.ts';
import { isRunning, mainProcess, stopWorkload, whenGone } from '../../../src/workload/processes.ts';
import { DEFAULT_PATH } from '../../../src/workload/program.ts';
import { waitFor } from '../../support/mesh.ts';
import { patient } from '../../support/patience.ts';
import { TestMachine } from '../../support/topology-machine.ts';

const A: ResourceKey = 'default/a';
const OPTIONS = { workloads: [A], services: [{ key: 'default/cache' as const, ports: [] }] };

/** Runs a shell script in the workload to its end and returns what it printed. */
async function output(machine: TestMachine, script: string, options: Partial<LaunchOptions> = {}): Promise<string> {
  const { exited } = await launch(machine.instance, A, { command: ['sh', '-c', script], ...options });
  await exited;
  return readFileSync(workloadLog(machine.instance, A), 'utf8');
}

describe('launch', () => {
  test('puts the program into the namespace, the cgroup and a session of its own, under the pid that it returns', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    const { pid } = await launch(machine.instance, A, { command: ['sleep', '60'], hash: 'h1' });
    const main = await waitFor('sleep is executed', () => mainProcess(machine.cgroup(A)));
    expect(main).toMatchObject({ pid, hash: 'h1' });
    expect(processesOf(machine.cgroup(A))).toEqual([pid]);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/\/sleep\0 ?60\0$/);
    const inode = statSync(`/run/netns/shunt.${machine.instance.name}.default.a`).ino;
    expect(readlinkSync(`/proc/${pid}/ns/net`)).toBe(`net:[${inode}]`);
    expect(readlinkSync(`/proc/${pid}/ns/net`)).not.toBe(readlinkSync('/proc/self/ns/net'));
    expect(readlinkSync(`/proc/${pid}/ns/mnt`)).not.toBe(readlinkSync('/proc/self/ns/mnt'));
    expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
  });

  test('a Service name resolves inside, and the hosts file outside is untouched', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    const outside = { text: readFileSync('/etc/hosts', 'utf8'), inode: lstatSync('/etc/hosts').ino };
    expect(await output(machine, 'getent ahostsv4 cache; getent hosts cache.default.svc.cluster.local')).toMatch(
      /^10\.97\.0\.1 .*cache\n.*\n.*\n10\.97\.0\.1 .*cache\.default\.svc/s,
    );
    expect({ text: readFileSync('/etc/hosts', 'utf8'), inode: lstatSync('/etc/hosts').ino }).toEqual(outside);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain('/etc/hosts');
  });

  test('a name that nobody knows fails at once', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    const before = performance.now();
    expect(await output(machine, 'getent ahosts no-such-name.example || echo unknown')).toBe('unknown\n');
    expect(performance.now() - before).toBeLessThan(patient(2000)); // The node's servers would be waited for 10 s.
  });

  test.each([
    [{ code: 0, signal: null }, 'exit 0'],
    [{ code: 37, signal: null }, 'exit 37'],
    [{ code: null, signal: 'SIGTERM' }, 'kill -TERM $$'],
    [{ code: null, signal: 'SIGKILL' }, 'kill -KILL $$'],
  ] as const)('the exit is the program’s own: %j', async (exit, script) => {
    await using machine = await TestMachine.up(OPTIONS);
    const { exited } = await launch(machine.instance, A, { command: ['sh', '-c', script] });
    expect(await exited).toEqual(exit);
  });

  test('a signal to the pid reaches the program', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    const script = 'trap "echo caught; exit 3" USR1; echo ready; while :; do sleep 0.02; done';
    const { pid, exited } = await launch(machine.instance, A, { command: ['sh', '-c', script] });
    const log = workloadLog(machine.instance, A);
    await waitFor('the trap is set', () => readFileSync(log, 'utf8') === 'ready\n');
    process.kill(pid, 'SIGUSR1');
    expect(await exited).toEqual({ code: 3, signal: null });
    expect(readFileSync(log, 'utf8')).toBe('ready\ncaught\n');
  });

  test('runs as another user, without a way back to root, and may open its own standard error again', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    const { uid, gid, home } = await findAccount('nobody');
    const script =
      'id -u; id -g; echo "$HOME $USER"; grep -E "NoNewPrivs|CapEff" /proc/self/status; echo again >>/dev/stderr';
    expect(await output(machine, script, { user: 'nobody' })).toBe(
      `${uid}\n${gid}\n${home} nobody\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nagain\n`,
    );
  });

  test('gives the program its own environment and nothing of the starter’s', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    process.env.OF_THE_STARTER = 'secret';
    const env = { PLAIN: 'a b', 'WITH.DOT': 'x', IFS: 'y', LD_BIND_NOW: '1', EMPTY: '' };
    const printed = await output(machine, '', { command: ['env', '-0'], env, hash: 'abc' });
    const variables = printed.split('\0').filter(Boolean).sort();
    expect(variables).toEqual(
      [
        ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
        'HOME=/root',
        'LOGNAME=root',
        `PATH=${DEFAULT_PATH}`,
        'PWD=/',
        'SHELL=/bin/bash',
        'SHUNT_RUN_HASH=abc',
        `SHUNT_WORKLOAD=${A}`,
        'USER=root',
      ].sort(),
    );
  });

  test('a library that the environment names is not loaded by what runs as root before the program', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    // The loader complains once for each program that it loads: only env and the program itself may see the variable.
    const env = { LD_PRELOAD: '/nonexistent/evil.so' };
    const printed = await output(machine, '', { command: ['true'], env, user: 'nobody' });
    expect(printed.match(/evil\.so/g)).toHaveLength(1);
  });

  test.each<[string, Partial<LaunchOptions>, string]>([
    [
      'a program',
      { command: ['no-such-program', 'x'] },
      'workload default/a: program "no-such-program": not found in PATH',
    ],
    [
      'a program by path',
      { command: ['./server'], cwd: '/tmp' },
      'program "./server": no executable file at /tmp/server',
    ],
    ['a user', { command: ['true'], user: 'no-such-user' }, 'user "no-such-user": no such account'],
    ['a directory', { command: ['true'], cwd: '/no/such' }, 'working directory /no/such: no such directory'],
    ['any command', { command: [] }, 'the command is empty'],
  ])('says that there is no such thing before it starts anything: %s', async (_, options, message) => {
    await using machine = await TestMachine.up(OPTIONS);
    const failing = launch(machine.instance, A, { command: [], ...options });
    await expect(failing).rejects.toMatchObject({ code: 'E_WORKLOAD', message: expect.stringContaining(message) });
    expect(processesOf(machine.cgroup(A))).toEqual([]);
  });

  test('refuses a workload that was not made', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    await expect(launch(machine.instance, 'default/other', { command: ['true'] })).rejects.toMatchObject({
      code: 'E_WORKLOAD',
      message: expect.stringContaining('no network namespace'),
    });
  });

  test('the program survives kill -9 of its starter and is recognised afterwards', async () => {
    await using machine = await TestMachine.up(OPTIONS);
    const script = 'echo before; read line < "$0"; echo after; sleep 60';
    const fifo = join(machine.instance.runDir, 'go');
    await output(machine, `mkfifo ${fifo}`);
    const { starter, pid } = await startedBy(machine, ['sh', '-c', script, fifo]);
    starter.kill('SIGKILL');
    await new Promise((resolve) => starter.once('exit', resolve));

    const main = await waitFor('the program is executed', () => mainProcess(machine.cgroup(A)));
    expect(main).toMatchObject({ pid, hash: 'adopt-me' });
    await output(machine, `echo go > ${fifo}`);
    const log = workloadLog(machine.instance, A);
    await waitFor('it printed after the death', () => readFileSync(log, 'utf8') === 'before\nafter\n');

    const gone = whenGone(main);
    expect(isRunning(main)).toBe(true);
    expect(await stopWorkload(machine.cgroup(A))).toBe(true);
    await gone;
    expect(isRunning(main)).toBe(false);
    expect(mainProcess(machine.cgroup(A))).toBeUndefined();
  });
});

/** Launches from a process of its own; the test must end it. */
async function startedBy(machine: TestMachine, command: string[]): Promise<{ starter: ChildProcess; pid: number }> {
  const program = join(import.meta.dirname, 'programs/launcher.ts');
  const starter = spawn(process.execPath, [program, machine.instance.name, A, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = await new Promise<number>((resolve) => starter.stdout?.once('data', (text) => resolve(Number(text))));
  return { starter, pid };
}
