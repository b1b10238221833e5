/** The authorization filter: delivered by ECDS, because an LDS update would drain connections and this does not. Pure. */
import type { Topology } from '../../config/topology.ts';
import type { Instance } from '../../instance.ts';
import { l7Configuration } from '../../policy/l7.ts';
import { wasmPlugin } from '../filters.ts';
import { configSource } from './config-source.ts';
import { extension, type Message, typed, typeUrl } from './type-url.ts';

/** Name of the filter in Envoy, and of its ECDS resource. */
export const AUTHZ_FILTER = 'shunt.authz';
const WASM = 'extensions.filters.http.wasm.v3.Wasm';

/** The ECDS resource: the compiled filter with the rules of the whole node. `module`: its path, by default the built one. */
export function authzResource(topology: Topology, module?: string): Message {
  const config = wasmPlugin('authz', JSON.stringify(l7Configuration(topology)), module);
  return typed('config.core.v3.TypedExtensionConfig', extension(AUTHZ_FILTER, WASM, { config }));
}

/**
 * The entry of `http_filters` that refers to it. A listener does not accept connections before it has the filter, and a
 * refused update leaves the old one in force: there is no moment without it.
 */
export function authzFilter(instance: Instance): Message {
  return {
    name: AUTHZ_FILTER,
    config_discovery: {
      config_source: configSource(instance, 'ecds'),
      type_urls: [typeUrl(WASM)],
      apply_default_config_without_warming: false,
    },
  };
}
