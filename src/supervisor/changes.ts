/** What differs between two desired states, a line each: the answer of `plan`, and the summary of `up`. */
import type { AppliedState } from './state.ts';

/** `+` new, `~` changed, `-` gone. Deterministic order: workloads, services, policies, plugins, mesh. */
export function describeChanges(from: AppliedState | undefined, to: AppliedState): string[] {
  const before = from?.topology.model;
  const after = to.topology.model;
  return [
    ...compare('workload', before?.workloads ?? [], after.workloads),
    ...compare('service', before?.services ?? [], after.services),
    ...compare('policy', before?.policies ?? [], after.policies),
    ...compare('plugin', before?.plugins ?? [], after.plugins),
    ...(before !== undefined && JSON.stringify(before.mesh) !== JSON.stringify(after.mesh) ? ['~ mesh'] : []),
  ];
}

interface Keyed {
  readonly key: string;
}

function compare(kind: string, before: readonly Keyed[], after: readonly Keyed[]): string[] {
  const old = new Map(before.map((one) => [one.key, JSON.stringify(one)] as const));
  const now = new Map(after.map((one) => [one.key, JSON.stringify(one)] as const));
  const lines: string[] = [];
  for (const [key, text] of now) {
    if (!old.has(key)) lines.push(`+ ${kind} ${key}`);
    else if (old.get(key) !== text) lines.push(`~ ${kind} ${key}`);
  }
  for (const key of old.keys()) if (!now.has(key)) lines.push(`- ${kind} ${key}`);
  return lines;
}
