/** WASM filters as entries of `http_filters`. */
import { filterModule, wasmPlugin } from '../../src/proxy/filters.ts';
import type { Json } from '../../test/filters/support/envoy.ts';

export const authzModulePath = filterModule('authz');

/** Its configuration in place. */
export function authzFilter(name: string, configuration: unknown): Json {
  return httpWasm(name, wasmPlugin('authz', JSON.stringify(configuration)));
}

/** An entry of `http_filters`. A VM of its own for each name, so that configurations do not share caches. */
export function httpWasm(name: string, plugin: object): Json {
  const { vm_config } = plugin as { vm_config: object };
  return {
    name,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
      config: { ...plugin, vm_config: { ...vm_config, vm_id: name } } as Json,
    },
  };
}
