import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { launch, workloadLog } from '../../../src/workload/launch.ts';
import { TestMachine } from '../../support/topology-machine.ts';
import { NATIVE } from '../fastpath/peer.ts';

const REFUSE = join(NATIVE, 'refuse-splice');
const ABI = join(NATIVE, 'splice-abi');
const A: ResourceKey = 'default/a';

function run(...command: readonly string[]): { status: number | null; signal: string | null; text: string } {
  const { status, signal, stdout, stderr } = spawnSync(command[0] as string, command.slice(1), { encoding: 'utf8' });
  return { status, signal, text: `${stdout}${stderr}`.trim() };
}

/** What the kernel itself says to it; undefined: this kernel, or this architecture, has no such programs. */
function callAs(abi: string, call: string): string | undefined {
  const { status, text } = run(ABI, abi, call);
  return status === 0 && text !== 'ENOSYS' ? text : undefined;
}

describe('refuse-splice', () => {
  describe.each(['native', 'i386', 'x32'])('a program of ABI %s, where there is one', (abi) => {
    test.each([
      ['splice', 'EINVAL', ['EBADF']],
      // EPERM: kernel.io_uring_disabled.
      ['io_uring', 'ENOSYS', ['EFAULT', 'EPERM']],
    ])('that calls %s is answered %s', (call, answer, unfiltered) => {
      const own = callAs(abi, call);
      if (own === undefined && abi !== 'native') return;
      expect(unfiltered).toContain(own);
      expect(run(REFUSE, ABI, abi, call)).toEqual({ status: 0, signal: null, text: answer });
    });
  });

  test('holds for what the program starts, and leaves other calls alone', () => {
    expect(run(REFUSE, '/bin/sh', '-c', `cat </dev/null && ${ABI} native`).text).toBe('EINVAL');
  });

  test('executes the program in its own place, with its arguments', async () => {
    const child = spawn(REFUSE, ['/bin/sh', '-c', 'echo $$ "$1"; exit 37', 'sh', 'a b'], { stdio: 'pipe' });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    const [code] = await once(child, 'close');
    expect([text, code]).toEqual([`${child.pid} a b\n`, 37]);
  });

  test('does not take the right to gain privileges away', () => {
    expect(run(REFUSE, '/bin/grep', '-E', '^(NoNewPrivs|Seccomp):', '/proc/self/status').text).toBe(
      'NoNewPrivs:\t0\nSeccomp:\t2',
    );
  });

  test('ends with 125 when it may not install the filter, and executes nothing', () => {
    const { status, text } = run(
      '/usr/bin/setpriv',
      '--reuid=65534',
      '--clear-groups',
      '--',
      REFUSE,
      '/bin/echo',
      'ran',
    );
    expect([status, text]).toEqual([
      125,
      'refuse-splice: seccomp: Permission denied (needs root and CONFIG_SECCOMP_FILTER)',
    ]);
  });

  test.each([
    [127, '/nonexistent'],
    [126, '/etc/passwd'],
  ])('ends with %i when the program cannot be executed', (status, program) => {
    expect(existsSync(program)).toBe(status === 126);
    expect(run(REFUSE, program).status).toBe(status);
  });
});

describe('a workload', () => {
  test.each([
    [{}, 'EINVAL'],
    [{ user: 'nobody' }, 'EINVAL'],
    [{ splice: 'allowed' }, 'EBADF'],
  ] as const)('that is started with %j gets from splice(2) %s', async (options, answer) => {
    await using machine = await TestMachine.up({ workloads: [A], services: [] });
    const { exited } = await launch(machine.instance, A, { command: [ABI, 'native'], ...options });
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(readFileSync(workloadLog(machine.instance, A), 'utf8')).toBe(`${answer}\n`);
  });
});
