/** The facts without which a number means nothing: processor, kernel, frequency policy, load. */
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem, version } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly arch: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly kernelBuild: string;
  /** `performance`, `powersave`, …; null where the processor's frequency is not the kernel's to choose (virtual machines). */
  readonly frequencyGovernor: string | null;
  /** Of TCP, as a new network namespace has it: bbr paces, cubic does not. */
  readonly congestionControl: string;
  /** True when the processor says that it runs under a hypervisor: expect more spread. */
  readonly virtual: boolean;
  /** Runnable processes over the last minute; more than 0.5 a CPU means that others were measured too. */
  readonly loadAverage: number;
  readonly node: string;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cpus: processors.length,
    arch: arch(),
    memoryBytes: totalmem(),
    kernel: release(),
    kernelBuild: version(),
    frequencyGovernor: readLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    congestionControl: readLine('/proc/sys/net/ipv4/tcp_congestion_control') ?? 'unknown',
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')),
    loadAverage: loadavg()[0] ?? 0,
    node: process.version,
  };
}

function readLine(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
