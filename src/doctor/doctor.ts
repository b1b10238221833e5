/** Runs the probes and says what each found. */
import { release } from 'node:os';
import { type Clock, systemClock } from '../clock.ts';
import { type Build, bootId, buildHash, THIS_BUILD } from './build.ts';
import { Lab } from './lab.ts';
import type { Finding, Probe, Report } from './probe.ts';
import { PROBES } from './probes.ts';

export interface DoctorOptions {
  /** Default: what scripts/build made. */
  readonly build?: Build;
  /** Default: all. */
  readonly probes?: readonly Probe[];
  /** By a probe's id, instead of what it expects: a test sees what happens on a kernel that behaves otherwise. */
  readonly expectations?: Readonly<Record<string, string>>;
  readonly clock?: Pick<Clock, 'monotonicMs'>;
}

/**
 * Takes under 5 s on an idle machine. Needs root, cgroup v2, `ip` and `nsenter`; what it makes on the machine is named
 * shunt-doctor-* and gone when it returns. Never throws for a kernel that lacks something: that is what it is for.
 * @throws E_BPF_OPEN when the build is not there.
 */
export async function examine(options: DoctorOptions = {}): Promise<Report> {
  const { build = THIS_BUILD, probes = PROBES, expectations = {}, clock = systemClock } = options;
  const hash = buildHash(build, probes);
  const startMs = clock.monotonicMs();
  const findings = await withLab(build, probes, async (probe, lab) => {
    const expected = expectations[probe.id] ?? probe.expected;
    const found = await observeTwice(probe, lab);
    return finding(probe, expected, found);
  });
  return {
    kernel: release(),
    boot: bootId(),
    build: hash,
    findings,
    tookMs: Math.round(clock.monotonicMs() - startMs),
  };
}

async function withLab(
  build: Build,
  probes: readonly Probe[],
  look: (probe: Probe, lab: Lab) => Promise<Finding>,
): Promise<Finding[]> {
  try {
    await using lab = await Lab.make(build);
    const findings: Finding[] = [];
    for (const probe of probes) findings.push(await look(probe, lab));
    return findings;
  } catch (error) {
    return probes.map((probe) => finding(probe, probe.expected, error));
  }
}

/** A probe that did not come to its question may have met a busy machine: it gets a second chance. */
async function observeTwice(probe: Probe, lab: Lab): Promise<string | Error> {
  try {
    return await probe.observe(lab);
  } catch {
    try {
      return await probe.observe(lab);
    } catch (error) {
      return error as Error;
    }
  }
}

function finding(probe: Probe, expected: string, found: unknown): Finding {
  const { id, title, means, kernel, staysOff, disables } = probe;
  const verdict = typeof found !== 'string' ? 'cannot tell' : found === expected ? 'supported' : 'unsupported';
  return {
    id,
    title,
    verdict,
    expected,
    found: typeof found === 'string' ? found : ((found as Error).message ?? String(found)),
    means,
    kernel,
    staysOff: verdict === 'supported' ? '' : staysOff,
    disables,
  };
}
