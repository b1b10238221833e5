/** Copies of the modules of WasmPlugins, named for what is in them: a file that is edited later changes nothing that runs. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { WasmPlugin } from '../config/model.ts';
import { readModuleFile } from '../config/module-file.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import { moduleDir, moduleFile } from '../proxy/envoy/plugins.ts';

/**
 * Copies what is not there yet. @returns paths of new copies.
 * @throws E_CONFIG when a module is not the one that its resource names; there is then no new copy.
 */
export function storeModules(instance: Instance, plugins: readonly WasmPlugin[]): string[] {
  const stored: string[] = [];
  try {
    for (const plugin of plugins) {
      const path = moduleFile(instance, plugin.sha256);
      if (existsSync(path)) continue;
      const module = readModuleFile(plugin.module);
      if ('problem' in module) throw refusal(plugin, module.problem);
      if (module.sha256 !== plugin.sha256) throw refusal(plugin, `${plugin.module} has the sha256 ${module.sha256}`);
      mkdirSync(moduleDir(instance), { recursive: true, mode: 0o700 });
      writeFileSync(`${path}.new`, module.bytes, { mode: 0o600 });
      renameSync(`${path}.new`, path);
      stored.push(path);
    }
  } catch (error) {
    for (const path of stored) rmSync(path);
    throw error;
  }
  return stored;
}

/** Removes copies that no plugin needs. Envoy has read what it runs. */
export function pruneModules(instance: Instance, plugins: readonly WasmPlugin[]): void {
  const dir = moduleDir(instance);
  if (!existsSync(dir)) return;
  const needed = new Set(plugins.map(({ sha256 }) => basename(moduleFile(instance, sha256))));
  for (const name of readdirSync(dir)) if (!needed.has(name)) rmSync(join(dir, name));
}

function refusal(plugin: WasmPlugin, what: string): ShuntError {
  return new ShuntError('E_CONFIG', `WasmPlugin ${plugin.key}: ${what}; expected sha256 ${plugin.sha256}`);
}
