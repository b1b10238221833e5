/** Configuration that loads a filter into an Envoy which shunt does not manage. Pure but for the path of the module. */
import { dirname, extname } from 'node:path';
import { stringify } from 'yaml';
import type { Model } from '../config/model.ts';
import { ShuntError } from '../errors.ts';
import { type AuthzConfiguration, l7Configuration } from '../policy/l7.ts';
import { extension, type Message, typed, typeUrl } from './envoy/type-url.ts';
import { discoveryResponse } from './envoy/xds.ts';
import { filterExample, wasmPlugin } from './filters.ts';

const WASM = 'extensions.filters.http.wasm.v3.Wasm';

export interface SnippetOptions {
  readonly format: 'yaml' | 'json';
  /** Path of the module where that Envoy runs. Default: that of this build. */
  readonly module?: string;
  /** Not the entry, but the file that an entry of `reloadingSnippet` reads: a DiscoveryResponse. Default false. */
  readonly resource?: boolean;
}

/**
 * An entry for `http_filters` that takes the filter's configuration from the file `path` (absolute, or as seen from where
 * that Envoy starts), and again whenever another is renamed over it: live connections stay, a bad file changes nothing.
 * Envoy watches the whole folder. @throws E_USAGE for a name that is none, or a path that Envoy would not know how to read.
 */
export function reloadingSnippet(name: string, path: string, format: SnippetOptions['format']): string {
  filterExample(name);
  if (!['.json', '.yaml'].includes(extname(path))) {
    throw new ShuntError('E_USAGE', `--reload-from ${path}: expected a file that ends with .json or .yaml`);
  }
  const source = {
    path_config_source: { path, watched_directory: { path: dirname(path) } },
    resource_api_version: 'V3',
  };
  const filter = { name: `shunt.${name}`, config_discovery: { config_source: source, type_urls: [typeUrl(WASM)] } };
  return text(format, filter, [filter]);
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
  return [...(options.format === 'yaml' ? needs(policies) : []), entry('authz', configuration, options)].join('\n');
}

/** What the rules look at and Envoy does not tell of itself, as comments. */
function needs(policies: AuthzConfiguration['policies']): string[] {
  const rules = JSON.stringify(policies.map(({ rules: own }) => own));
  const peer =
    '# ipBlocks: the network filter set_filter_state must name the peer, else these rules deny (filters/authz/README.md)';
  const token = '# request.auth: jwt_authn must be in front, with payload_in_metadata: payload';
  return [
    ...(/"(ipBlocks|notIpBlocks|source\.ip)"/.test(rules) ? [peer] : []),
    ...(/"(requestPrincipals|notRequestPrincipals|request\.auth\.[^"]*)"/.test(rules) ? [token] : []),
  ];
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

function entry(name: string, configuration: unknown, { format, module, resource = false }: SnippetOptions): string {
  const own = JSON.stringify(configuration, undefined, format === 'yaml' ? 2 : undefined);
  const filter = extension(`shunt.${name}`, WASM, { config: wasmPlugin(name, own, module) });
  if (!resource) return text(format, filter, [filter]);
  const response = discoveryResponse([{ ...typed('config.core.v3.TypedExtensionConfig'), ...filter }]);
  return text(format, response, response);
}

function text(format: SnippetOptions['format'], json: Message, yaml: Message | readonly Message[]): string {
  return format === 'json' ? JSON.stringify(json, undefined, 2) : stringify(yaml, { lineWidth: 0 }).trimEnd();
}
