/** The files that Envoy reads while it runs. Pure; src/supervisor publishes them. */
import { createHash } from 'node:crypto';
import type { Topology } from '../../config/topology.ts';
import type { Instance } from '../../instance.ts';
import { authzResource } from './authz.ts';
import { clustersOf } from './clusters.ts';
import type { XdsType } from './config-source.ts';
import type { HttpOptions } from './http.ts';
import { listenersOf } from './listeners.ts';
import { pluginResource, pluginType } from './plugins.ts';
import type { Message } from './type-url.ts';

export interface XdsOptions extends HttpOptions {
  /** Absolute path of the compiled authorization filter. Default: the one that scripts/build made. */
  readonly authzModule?: string;
}

/** The content of each file: a DiscoveryResponse in JSON. */
export type XdsText = Readonly<Record<XdsType, string>>;

/**
 * Equal topologies give equal texts, to the byte: a text that did not change need not be published.
 * @throws E_NEEDS when the authorization filter was not built: Envoy is never configured without it.
 */
export function xdsTexts(instance: Instance, topology: Topology, options: XdsOptions = {}): XdsText {
  return {
    cds: responseOf(clustersOf(instance, topology)),
    ecds: responseOf([authzResource(topology, options.authzModule)]),
    ...Object.fromEntries(
      topology.model.plugins.map((plugin) => [pluginType(plugin), responseOf([pluginResource(instance, plugin)])]),
    ),
    lds: responseOf(listenersOf(instance, topology, options)),
  };
}

/** What Envoy reports as `version_text` once it accepted the text. */
export function xdsVersion(text: string): string {
  return (JSON.parse(text) as { version_info: string }).version_info;
}

function responseOf(resources: readonly Message[]): string {
  return `${JSON.stringify(discoveryResponse(resources), undefined, 1)}\n`;
}

/** The version is a hash of the resources, so that Envoy's answer tells exactly what it runs. */
export function discoveryResponse(resources: readonly Message[]): Message {
  const version = createHash('sha256').update(JSON.stringify(resources)).digest('hex').slice(0, 16);
  return { version_info: version, resources };
}
