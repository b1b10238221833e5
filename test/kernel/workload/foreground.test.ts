import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { processesOf } from '../../../src/workload/cgroup.ts';
import { finished, waitFor } from '../../support/mesh.ts';
import { TestMachine } from '../../support/topology-machine.ts';

const A: ResourceKey = 'default/a';
const PROGRAM = join(import.meta.dirname, 'programs/foreground.ts');

function run(machine: TestMachine, script: string, stdin: 'ignore' | 'pipe' = 'ignore'): ChildProcess {
  const args = [PROGRAM, machine.instance.name, A, 'sh', '-c', script];
  return spawn(process.execPath, args, {
    stdio: [stdin, 'pipe', 'pipe'],
    cwd: '/tmp',
    env: { ...process.env, MINE: 'yes' },
  });
}

/** Runs it under script(1), on a terminal of its own, in the foreground; what is written to stdin is typed. */
function onTerminal(machine: TestMachine, script: string): ChildProcess {
  const file = join(machine.instance.runDir, 'script.sh');
  writeFileSync(file, script);
  const words = ['exec', process.execPath, PROGRAM, machine.instance.name, A, 'sh', file];
  return spawn('script', ['--quiet', '--return', '--command', words.join(' '), '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, SHELL: '/bin/sh' },
  });
}

async function printed(child: ChildProcess, text: string): Promise<void> {
  let all = '';
  child.stdout?.on('data', (chunk) => {
    all += chunk;
  });
  await waitFor(`it prints ${JSON.stringify(text)}`, () => all.includes(text));
}

describe('a command on the caller’s terminal', () => {
  test('has the caller’s input, output, environment and directory', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const child = run(machine, 'read line; echo "$line $MINE $SHUNT_WORKLOAD $(pwd)"; echo bad >&2; exit 7', 'pipe');
    child.stdin?.end('typed\n');
    expect(await finished(child)).toEqual({
      code: 7,
      signal: null,
      stdout: 'typed yes default/a /tmp\n',
      stderr: 'bad\n',
    });
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)(
    'gets %s that is sent to the caller',
    async (signal) => {
      await using machine = await TestMachine.up({ workloads: [A] });
      const name = signal.slice(3);
      const child = run(machine, `trap "echo caught; exit 9" ${name}; echo ready; while :; do sleep 0.02; done`);
      const outcome = finished(child);
      await printed(child, 'ready');
      child.kill(signal);
      expect(await outcome).toMatchObject({ code: 9, stdout: 'ready\ncaught\n' });
      await waitFor('the cgroup is empty', () => processesOf(machine.cgroup(A)).length === 0);
    },
  );

  test('the end by a signal is told', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    expect(await finished(run(machine, 'kill -SEGV $$'))).toMatchObject({ code: 128 + 11 });
  });

  test('is on the terminal, gets Ctrl-C once, and its exit status is told', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const script =
      'n=0\ntrap "echo caught; n=\\$((n+1))" INT\ntty\necho ready\nread line\nread line\necho "$n $line"\nexit 5\n';
    const child = onTerminal(machine, script);
    const outcome = finished(child);
    await printed(child, 'ready');
    child.stdin?.write('\x03');
    await printed(child, 'caught');
    child.stdin?.write('typed\n');
    const { code, stdout } = await outcome;
    expect(stdout).toMatch(/^\/dev\/pts\/\d+\r\nready\r\n/);
    expect(stdout).toContain('\r\n1 typed\r\n');
    expect(code).toBe(5);
  });
});
