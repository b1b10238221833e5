/** What shunt could leave behind on a machine, so that before and after can be compared. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup2Mount, type Instance } from '../../src/instance.ts';

const SYSCTLS = ['net/ipv4/ip_forward', 'net/ipv4/conf/all/forwarding', 'net/ipv4/conf/all/rp_filter'];

/**
 * Everything of one instance, and what it could change for others. Equal before `up` and after `down`. What other instances
 * have meanwhile is left out, so that tests can run side by side.
 */
export function machineSnapshot(instanceName: string): Record<string, string[]> {
  const others = names('/sys/class/net').filter(
    (device) => /^sh[0-9a-f]{8}$/.test(device) && !readAlias(device).includes(instanceName),
  );
  const foreign = (line: string): boolean => others.some((device) => line.includes(device));
  return {
    namespaces: names('/run/netns').filter((name) => name.startsWith(`shunt.${instanceName}.`)),
    devices: names('/sys/class/net').filter((name) => !name.startsWith('veth') && !foreign(name)),
    routes: lines('ip', ['-o', 'route', 'show', 'table', 'all']).filter((line) => !foreign(line)),
    rules: lines('ip', ['-o', 'rule']),
    mounts: readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`shunt.${instanceName}.`) || line.includes(`/shunt/${instanceName}`))
      .sort(),
    cgroups: tree(join(cgroup2Mount(), 'shunt', instanceName)),
    pins: tree(join('/sys/fs/bpf/shunt', instanceName)),
    files: tree(join('/run/shunt', instanceName)),
    filesOfAll: existsSync('/run/shunt') ? plainFiles('/run/shunt') : [],
    filters: names('/sys/class/net')
      .filter((device) => !foreign(device))
      .flatMap((device) =>
        lines('tc', ['filter', 'show', 'dev', device, 'ingress']).map((line) => `${device}: ${line}`),
      ),
    processes: processesNaming(instanceName),
    sysctls: SYSCTLS.map((name) => `${name}=${readFileSync(join('/proc/sys', name), 'utf8').trim()}`),
  };
}

/** Ids of the BPF programs that an instance has pinned; they leave the kernel when the last socket lets go of them. */
export function pinnedPrograms(instance: Instance): number[] {
  const dir = join(instance.pinDir, 'programs');
  return names(dir).map((name) => {
    const shown = execFileSync('bpftool', ['-j', 'prog', 'show', 'pinned', join(dir, name)], { encoding: 'utf8' });
    return (JSON.parse(shown) as { id: number }).id;
  });
}

/** Ids of all programs in the kernel. */
export function loadedPrograms(): number[] {
  const shown = execFileSync('bpftool', ['-j', 'prog', 'list'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return (JSON.parse(shown) as { id: number }[]).map(({ id }) => id);
}

function readAlias(device: string): string {
  try {
    return readFileSync(join('/sys/class/net', device, 'ifalias'), 'utf8');
  } catch {
    return '';
  }
}

function processesNaming(instanceName: string): string[] {
  return names('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(instanceName) && !command.includes('vitest') ? [`${pid} ${command}`] : [];
      } catch {
        return [];
      }
    });
}

function plainFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function tree(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true }).map(String).sort();
}

function names(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : [];
}

function lines(program: string, args: string[]): string[] {
  return execFileSync(program, args, { encoding: 'utf8' }).split('\n').filter(Boolean).sort();
}
