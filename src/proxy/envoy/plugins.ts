/** WasmPlugins: which requests pass which of them, in what order, and how Envoy loads one. Pure. */
import { join } from 'node:path';
import type { Model, WasmPlugin } from '../../config/model.ts';
import { runsBefore } from '../../config/plugins.ts';
import { ShuntError } from '../../errors.ts';
import type { Instance } from '../../instance.ts';
import type { Destination } from '../destinations.ts';
import { type EcdsType, filterName } from './config-source.ts';
import type { Message } from './type-url.ts';
import { wasmFilter, wasmResource } from './wasm-filter.ts';

const PHASES: readonly WasmPlugin['phase'][] = ['AUTHN', 'AUTHZ', 'STATS', 'UNSPECIFIED_PHASE'];

/** Folder of copies of modules; a copy's name says what is in it. */
export function moduleDir(instance: Instance): string {
  return join(instance.runDir, 'modules');
}

export function moduleFile(instance: Instance, sha256: string): string {
  return join(moduleDir(instance), `${sha256}.wasm`);
}

export function pluginType({ namespace, name }: WasmPlugin): EcdsType {
  return `ecds.${namespace}.${name}`;
}

/** Entries of `http_filters` before and after the authorization filter, for requests to a destination. */
export interface PluginFilters {
  readonly before: readonly Message[];
  readonly after: readonly Message[];
}

/** @throws E_CONFIG when a plugin selects some of the workloads of the destination and not others. */
export function pluginFilters(instance: Instance, model: Model, destination: Destination): PluginFilters {
  const plugins = model.plugins.filter((plugin) => {
    const runs = runsBefore(plugin, destination.workloads);
    if (typeof runs === 'boolean') return runs;
    throw new ShuntError('E_CONFIG', `${runs}, both behind ${destination.name}; expected all of them or none`);
  });
  const filters = (early: boolean): Message[] =>
    plugins
      .filter(({ phase }) => (phase === 'AUTHN' || phase === 'AUTHZ') === early)
      .sort(byTurn)
      .map((plugin) => wasmFilter(instance, pluginType(plugin)));
  return { before: filters(true), after: filters(false) };
}

/** By phase, then the higher priority first; equal ones stay in the order of their keys. */
function byTurn(a: WasmPlugin, b: WasmPlugin): number {
  return PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) || b.priority - a.priority;
}

/**
 * The ECDS resource. A VM of its own: plugins share no memory. FAIL_CLOSE is Envoy's FAIL_RELOAD: a trap answers that
 * request with 503 and a fresh VM serves the next, so that a plugin is never skipped and never stays dead.
 */
export function pluginResource(instance: Instance, plugin: WasmPlugin): Message {
  const type = pluginType(plugin);
  const name = filterName(type);
  const env = Object.keys(plugin.env).length === 0 ? {} : { environment_variables: { key_values: plugin.env } };
  return wasmResource(type, {
    name,
    root_id: plugin.pluginName,
    failure_policy: plugin.failStrategy === 'FAIL_OPEN' ? 'FAIL_OPEN' : 'FAIL_RELOAD',
    configuration: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: plugin.pluginConfig ?? '' },
    vm_config: {
      vm_id: name,
      runtime: 'envoy.wasm.runtime.v8',
      code: { local: { filename: moduleFile(instance, plugin.sha256) } },
      ...env,
    },
  });
}
