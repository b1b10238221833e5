/** Configuration that loads a filter into an Envoy which shunt does not manage. Pure but for the path of the module. */
import { stringify } from 'yaml';
import type { Model } from '../config/model.ts';
import { ShuntError } from '../errors.ts';
import { type AuthzConfiguration, l7Configuration } from '../policy/l7.ts';
import { filterExample, wasmPlugin } from './filters.ts';

export interface SnippetOptions {
  readonly format: 'yaml' | 'json';
  /** Path of the module where that Envoy runs. Default: that of this build. */
  readonly module?: string;
}

/** An entry for `http_filters` with the smallest configuration that loads. @throws E_USAGE for an unknown name. */
export function exampleSnippet(name: string, options: SnippetOptions): string {
  return entry(name, filterExample(name), options);
}

export interface AuthzSnippetOptions extends SnippetOptions {
  /** Where the caller's identity is: the client's certificate, or the metadata `shunt.source` of the listener. */
  readonly identity: 'mtls' | 'listener';
  /**
   * That Envoy's names of clusters -> `NAMESPACE/WORKLOAD:PORT`. Empty: its clusters are called like that themselves.
   * Requests to any other cluster are denied.
   */
  readonly clusters: Readonly<Record<string, string>>;
}

/** An entry for `http_filters` that decides by the policies of a model. @throws E_USAGE for an unknown destination. */
export function authzSnippet(model: Model, options: AuthzSnippetOptions): string {
  const { sources, destinations, policies } = l7Configuration({ model });
  const named = renamed(destinations, options.clusters);
  const configuration: AuthzConfiguration =
    options.identity === 'mtls'
      ? { identity: 'mtls', sources: {}, destinations: named, policies }
      : { sources, destinations: named, policies };
  return entry('authz', configuration, options);
}

function renamed(
  destinations: AuthzConfiguration['destinations'],
  clusters: Readonly<Record<string, string>>,
): AuthzConfiguration['destinations'] {
  const known = Object.keys(destinations);
  if (known.length === 0) {
    const what = 'the resources have no Service that leads to a Workload by HTTP: the filter would deny everything';
    throw new ShuntError('E_USAGE', `${what}; expected a Workload and a Service for what the policies guard`);
  }
  if (Object.keys(clusters).length === 0) return destinations;
  return Object.fromEntries(
    Object.entries(clusters).map(([cluster, target]) => {
      const destination = destinations[target];
      if (destination !== undefined) return [cluster, destination];
      throw new ShuntError('E_USAGE', `--cluster ${cluster}=${target}: expected one of ${known.join(', ')}`);
    }),
  );
}

function entry(name: string, configuration: unknown, { format, module }: SnippetOptions): string {
  const text = JSON.stringify(configuration, undefined, format === 'yaml' ? 2 : undefined);
  const filter = {
    name: `shunt.${name}`,
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
      config: wasmPlugin(name, text, module),
    },
  };
  return format === 'json' ? JSON.stringify(filter, undefined, 2) : stringify([filter], { lineWidth: 0 }).trimEnd();
}
