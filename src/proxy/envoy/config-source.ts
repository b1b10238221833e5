/** Where Envoy reads dynamic configuration: files that are replaced by rename. */
import { join } from 'node:path';
import type { Instance } from '../../instance.ts';
import type { Message } from './type-url.ts';

/** A filter's configuration: that of the authorization filter, or of the plugin `ecds.NAMESPACE.NAME`. */
export type EcdsType = 'ecds' | `ecds.${string}`;

/** The dynamic kinds of configuration, each in a directory of its own: a rename makes Envoy read all that watches it. */
export type XdsType = 'cds' | 'lds' | EcdsType;

/** The file of a kind. */
export function xdsFile(instance: Instance, type: XdsType): string {
  return join(instance.xdsDir, type, `${type.split('.')[0]}.json`);
}

export function isEcds(type: string): type is EcdsType {
  return type.split('.')[0] === 'ecds';
}

/** What the filter is called in Envoy: in its configuration, statistics and log. */
export function filterName(type: EcdsType): string {
  return type === 'ecds' ? 'shunt.authz' : `shunt.plugin.${type.slice('ecds.'.length)}`;
}

/** envoy.config.core.v3.ConfigSource */
export function configSource(instance: Instance, type: XdsType): Message {
  const path = xdsFile(instance, type);
  return {
    path_config_source: { path, watched_directory: { path: join(path, '..') } },
    resource_api_version: 'V3',
  };
}
