/** Names of labs, and what is left of those whose process was killed: a scratch namespace, a cgroup. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup2Mount } from '../instance.ts';
import { runCommand } from '../workload/command.ts';

/** Cgroups of a lab, below its own. */
export const GROUPS = ['workload', 'proxy'] as const;

const NAME = /^shunt-doctor-(\d+)-[0-9a-f]{6}$/;

/** Tells whose it is, so that the next doctor knows whether it is still in use. */
export function labName(): string {
  return `shunt-doctor-${process.pid}-${randomBytes(3).toString('hex')}`;
}

/** Removes labs of processes that are gone. Their peers ended when their standard input did. @throws E_COMMAND, Error. */
export async function sweepLabs(): Promise<void> {
  for (const name of leftIn('/run/netns')) await runCommand('ip', ['netns', 'del', name]);
  const root = cgroup2Mount();
  for (const name of leftIn(root)) {
    for (const group of [...GROUPS, '']) {
      const path = join(root, name, group);
      if (existsSync(path)) rmdirSync(path);
    }
  }
}

function leftIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => {
    const pid = NAME.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}
