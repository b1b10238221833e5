/** Topology -> the texts of the dynamic configuration files. Pure; equal topologies give equal texts. */
import { createHash } from 'node:crypto';
import type { Topology } from '../../config/topology.ts';
import type { Instance } from '../../instance.ts';
import { l7Configuration } from '../../policy/l7.ts';
import { wasmPlugin } from '../filters.ts';
import { clusters } from './clusters.ts';
import type { XdsType } from './config-source.ts';
import { AUTHZ_FILTER } from './http.ts';
import { listeners } from './listeners.ts';
import { typed } from './type-url.ts';

/** One text a file. */
export type XdsText = Readonly<Record<XdsType, string>>;

export function xdsTexts(instance: Instance, topology: Topology): XdsText {
  return {
    cds: response(clusters(topology)),
    ecds: response([policy(topology)]),
    lds: response(listeners(instance, topology)),
  };
}

/** `version_info` of a text that {@link xdsTexts} made. */
export function xdsVersion(text: string): string {
  return (JSON.parse(text) as { version_info: string }).version_info;
}

/** envoy.service.discovery.v3.DiscoveryResponse. The version is the content's hash: equal content is no change. */
function response(resources: readonly object[]): string {
  const version = createHash('sha256').update(JSON.stringify(resources)).digest('hex').slice(0, 16);
  return `${JSON.stringify({ version_info: version, resources }, undefined, 1)}\n`;
}

function policy(topology: Topology): object {
  return typed('config.core.v3.TypedExtensionConfig', {
    name: AUTHZ_FILTER,
    typed_config: typed('extensions.filters.http.wasm.v3.Wasm', {
      config: wasmPlugin('authz', JSON.stringify(l7Configuration(topology))),
    }),
  });
}
