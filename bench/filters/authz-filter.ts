/** The authz filter with its configuration in place, as one entry of `http_filters`. */
import { filterModule, wasmPlugin } from '../../src/proxy/filters.ts';
import type { Json } from '../../test/filters/support/envoy.ts';

export const authzModulePath = filterModule('authz');

/** A VM of its own for each name, so that configurations do not share caches. */
export function wasmFilter(name: string, configuration: unknown): Json {
  const plugin = wasmPlugin('authz', JSON.stringify(configuration)) as { vm_config: object };
  return {
    name,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
      config: { ...plugin, vm_config: { ...plugin.vm_config, vm_id: name } } as Json,
    },
  };
}
