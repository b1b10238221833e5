/** The authorization filter. Pure. */
import type { Topology } from '../../config/topology.ts';
import type { Instance } from '../../instance.ts';
import { l7Configuration } from '../../policy/l7.ts';
import { wasmPlugin } from '../filters.ts';
import type { Message } from './type-url.ts';
import { wasmFilter, wasmResource } from './wasm-filter.ts';

/** The ECDS resource: the compiled filter with the rules of the whole node. `module`: its path, by default the built one. */
export function authzResource(topology: Topology, module?: string): Message {
  return wasmResource('ecds', wasmPlugin('authz', JSON.stringify(l7Configuration(topology)), module));
}

/** The entry of `http_filters` that refers to it. */
export function authzFilter(instance: Instance): Message {
  return wasmFilter(instance, 'ecds');
}
