/** Workloads on the real machine for one test: namespaces, cgroups and hosts files, without a supervisor. Needs root. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Topology } from '../../src/config/topology.ts';
import { type Instance, instance, type ResourceKey, workloadCgroup } from '../../src/instance.ts';
import { ensureCgroup, removeCgroup } from '../../src/workload/cgroup.ts';
import { publishHosts } from '../../src/workload/hosts.ts';
import { ensureNetns, listNetns, removeNetns } from '../../src/workload/netns.ts';
import { type TestTopology, testTopology } from './topology.ts';

export class TestMachine implements AsyncDisposable {
  readonly instance: Instance;
  readonly topology: Topology;

  private constructor(options: TestTopology) {
    this.instance = instance(options.instance ?? `t${randomBytes(4).toString('hex')}`);
    this.topology = testTopology({ workloadNet: freshNet(), ...options, instance: this.instance.name });
  }

  /** Makes every workload of the topology. Dispose of it to remove all, whatever happened in between. */
  static async up(options: TestTopology): Promise<TestMachine> {
    const machine = new TestMachine(options);
    try {
      mkdirSync(machine.instance.logDir, { recursive: true, mode: 0o700 });
      for (const { key } of machine.topology.model.workloads) {
        ensureCgroup(machine.cgroup(key), dirname(machine.instance.cgroup));
        await ensureNetns(machine.instance, machine.topology, key);
      }
      publishHosts(machine.instance, machine.topology);
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  cgroup(workload: ResourceKey): string {
    return workloadCgroup(this.instance, workload);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeCgroup(this.instance.cgroup);
    for (const workload of listNetns(this.instance)) await removeNetns(this.instance, workload);
    rmSync(this.instance.runDir, { recursive: true, force: true });
    for (const shared of [dirname(this.instance.cgroup), dirname(this.instance.runDir)]) removeIfEmpty(shared);
  }
}

/** Other instances may be using it. */
function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Not empty, or gone already.
  }
}

/** A /24 of 10.64.0.0/10 by chance, so that tests which run side by side do not share device names. */
function freshNet(): string {
  const [second = 0, third = 0] = randomBytes(2);
  return `10.${64 + (second & 63)}.${third}`;
}
