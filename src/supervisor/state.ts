/**
 * The instance's state directory. What is here lets a later supervisor go on where the last one stopped; nothing here is
 * needed to take the instance down.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Topology } from '../config/topology.ts';
import { parseTopology, serializeTopology } from '../config/topology-file.ts';
import { ShuntError } from '../errors.ts';
import type { Instance, ResourceKey } from '../instance.ts';

/** What was applied last. */
export interface AppliedState {
  readonly topology: Topology;
  /** Workloads that `shunt run` made; no resource names them. */
  readonly adHoc: readonly ResourceKey[];
}

/** Makes the directories, 0700: they hold the API's socket, which is worth as much as root. */
export function createStateDirectories(instance: Instance): void {
  for (const dir of ['/run/shunt', instance.runDir, instance.xdsDir, instance.logDir]) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }
  for (const type of ['cds', 'lds', 'ecds']) mkdirSync(join(instance.xdsDir, type), { recursive: true, mode: 0o700 });
}

/** Replaces the file by rename, so that a reader sees the old or the new content and never a part. Mode 0600. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}

export function readIfExists(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

const stateFile = (instance: Instance): string => join(instance.runDir, 'topology.json');

export function writeApplied(instance: Instance, state: AppliedState): void {
  const topology: unknown = JSON.parse(serializeTopology(state.topology));
  replaceFile(stateFile(instance), `${JSON.stringify({ topology, adHoc: state.adHoc }, undefined, 1)}\n`);
}

/** @throws E_CONFIG when the file is not what {@link writeApplied} wrote: take the instance down and up again. */
export function readApplied(instance: Instance): AppliedState | undefined {
  const text = readIfExists(stateFile(instance));
  if (text === undefined) return undefined;
  try {
    const { topology, adHoc } = JSON.parse(text) as { topology: unknown; adHoc: ResourceKey[] };
    return { topology: parseTopology(JSON.stringify(topology)), adHoc };
  } catch (cause) {
    throw new ShuntError(
      'E_CONFIG',
      `${stateFile(instance)}: unreadable state; run \`shunt down\`, then \`shunt up\``,
      {
        cause,
      },
    );
  }
}

export function removeStateDirectory(instance: Instance): boolean {
  const existed = existsSync(instance.runDir);
  rmSync(instance.runDir, { recursive: true, force: true });
  return existed;
}
