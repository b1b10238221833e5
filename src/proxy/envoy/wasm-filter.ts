/** A wasm filter that is delivered by ECDS, because an LDS update would drain connections and this does not. Pure. */
import type { Instance } from '../../instance.ts';
import { configSource, type EcdsType, filterName } from './config-source.ts';
import { extension, type Message, typed, typeUrl } from './type-url.ts';

const WASM = 'extensions.filters.http.wasm.v3.Wasm';

/** The ECDS resource. `config`: Envoy's PluginConfig. */
export function wasmResource(type: EcdsType, config: object): Message {
  return typed('config.core.v3.TypedExtensionConfig', extension(filterName(type), WASM, { config }));
}

/**
 * The entry of `http_filters` that refers to it. A listener does not accept connections before it has the filter, and a
 * refused update leaves the old one in force: there is no moment without it.
 */
export function wasmFilter(instance: Instance, type: EcdsType): Message {
  return {
    name: filterName(type),
    config_discovery: {
      config_source: configSource(instance, type),
      type_urls: [typeUrl(WASM)],
      apply_default_config_without_warming: false,
    },
  };
}
