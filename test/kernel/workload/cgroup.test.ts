import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { ensureCgroup, killCgroup, processesOf, removeCgroup } from '../../../src/workload/cgroup.ts';
import { launch, workloadLog } from '../../../src/workload/launch.ts';
import { watchPopulated } from '../../../src/workload/populated.ts';
import { stopWorkload } from '../../../src/workload/processes.ts';
import { waitFor } from '../../support/mesh.ts';
import { TestMachine } from '../../support/topology-machine.ts';

const A: ResourceKey = 'default/a';

/** Empty for a process that is gone, or that only waits for its parent to take note. */
function cgroupOf(pid: number): string {
  try {
    const zombie = readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
    return zombie ? '' : readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return '';
  }
}

describe('the cgroup of a workload', () => {
  test('is removed with all that forks in it, and with what the workload made below it', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const cgroup = machine.cgroup(A);
    mkdirSync(join(cgroup, 'own/deeper'), { recursive: true });
    await launch(machine.instance, A, {
      command: ['sh', '-c', 'for i in 1 2 3 4; do (while :; do sleep 0.01 & wait; done) & done; wait'],
    });
    await launch(machine.instance, A, {
      command: ['sh', '-c', `echo 0 > ${cgroup}/own/deeper/cgroup.procs; echo in; sleep 60`],
    });
    await waitFor('a process is in the inner cgroup', () => processesOf(join(cgroup, 'own')).length > 0);
    await waitFor('the others fork', () => processesOf(cgroup).length > 5);
    const pids = processesOf(cgroup);
    await removeCgroup(cgroup);
    expect(existsSync(cgroup)).toBe(false);
    expect(pids.filter((pid) => cgroupOf(pid).includes(machine.instance.name))).toEqual([]);
  });

  test('removal of an absent cgroup is no error', async () => {
    await using machine = await TestMachine.up({ workloads: [] });
    await removeCgroup(machine.cgroup('default/none'));
    await killCgroup(machine.cgroup('default/none'));
    expect(await stopWorkload(machine.cgroup('default/none'))).toBe(true);
    expect(processesOf(machine.cgroup('default/none'))).toEqual([]);
  });

  test('stop lets a program end on its own', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const script = 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.02; done';
    const { exited } = await launch(machine.instance, A, { command: ['sh', '-c', script] });
    await waitFor('the trap is set', () => readFileSync(workloadLog(machine.instance, A), 'utf8') === 'ready\n');
    expect(await stopWorkload(machine.cgroup(A))).toBe(true);
    expect(await exited).toEqual({ code: 0, signal: null });
    expect(readFileSync(workloadLog(machine.instance, A), 'utf8')).toMatch(/^ready\n.*bye\n$/s);
  });

  test('stop kills what does not end in time', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const script = 'trap "" TERM; echo ready; while :; do sleep 0.02; done';
    const { exited } = await launch(machine.instance, A, { command: ['sh', '-c', script] });
    await waitFor('the trap is set', () => readFileSync(workloadLog(machine.instance, A), 'utf8') === 'ready\n');
    expect(await stopWorkload(machine.cgroup(A), { drainTimeoutMs: 100 })).toBe(false);
    expect(await exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(processesOf(machine.cgroup(A))).toEqual([]);
  });

  test('a watch tells when processes of somebody else come and go, and when the cgroup is removed', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const seen: boolean[] = [];
    using _ = watchPopulated(machine.cgroup(A), (populated) => seen.push(populated));
    await waitFor('the present state is told', () => seen.length === 1);
    const child = spawn('sleep', ['60']);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    writeFileSync(join(machine.cgroup(A), 'cgroup.procs'), String(child.pid));
    await waitFor('it came', () => seen.length === 2, 500); // An event: the safety poll would take a second.
    child.kill();
    await ended;
    await waitFor('it went', () => seen.length === 3, 500);
    rmdirSync(machine.cgroup(A));
    expect(seen).toEqual([false, true, false]);
  });

  test('a limit whose controller the machine lacks is named, others are set', async () => {
    await using machine = await TestMachine.up({ workloads: [] });
    const cgroup = machine.cgroup('default/limited');
    const unsupported = ensureCgroup(cgroup, dirname(machine.instance.cgroup), {
      memoryMaxBytes: 64 * 1024 * 1024,
      cpuMaxPercent: 50,
    });
    const controllers = readFileSync(join(cgroup, 'cgroup.controllers'), 'utf8').split(/\s/);
    expect(unsupported).toEqual([
      ...(controllers.includes('memory') ? [] : ['memoryMaxBytes']),
      ...(controllers.includes('cpu') ? [] : ['cpuMaxPercent']),
    ]);
    if (controllers.includes('memory')) expect(readFileSync(join(cgroup, 'memory.max'), 'utf8')).toBe('67108864\n');
    if (controllers.includes('cpu')) expect(readFileSync(join(cgroup, 'cpu.max'), 'utf8')).toBe('50000 100000\n');
  });
});
