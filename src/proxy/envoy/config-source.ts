/** Where Envoy reads dynamic configuration: files that are replaced by rename. */
import { join } from 'node:path';
import type { Instance } from '../../instance.ts';
import type { Message } from './type-url.ts';

/** The dynamic kinds of configuration, each in a directory of its own: a rename makes Envoy read all that watches it. */
export type XdsType = 'cds' | 'ecds' | 'lds';

/** The file of a kind. */
export function xdsFile(instance: Instance, type: XdsType): string {
  return join(instance.xdsDir, type, `${type}.json`);
}

/** envoy.config.core.v3.ConfigSource */
export function configSource(instance: Instance, type: XdsType): Message {
  const path = xdsFile(instance, type);
  return {
    path_config_source: { path, watched_directory: { path: join(path, '..') } },
    resource_api_version: 'V3',
  };
}
