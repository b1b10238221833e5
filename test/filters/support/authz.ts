/** The compiled authz filter in the Node host. */
import { join } from 'node:path';
import { Host, type HostOptions, type LocalReply, loadFilter, type Plugin } from 'proxy-wasm-sdk/testing/index.ts';

export const authzModule = loadFilter(join(import.meta.dirname, '../../../build/filters/authz.wasm'));

export interface AuthzRequest {
  /** Absent: the listener carries no metadata. */
  readonly source?: string;
  /** First URI of the client's certificate. Absent: no mTLS. */
  readonly certificate?: string;
  /** Absent: the route has no cluster. */
  readonly cluster?: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: [string, string][];
}

export interface Verdict {
  readonly allowed: boolean;
  readonly reply: LocalReply | undefined;
}

/** `configuration`: text or bytes as they are, anything else as JSON. @throws ConfigurationRefused. */
export function load(configuration: unknown, host = new Host(), vmId = ''): Plugin {
  const raw = typeof configuration === 'string' || configuration instanceof Uint8Array;
  const text = raw ? configuration : JSON.stringify(configuration);
  return host.load({ module: authzModule, configuration: text, rootId: 'authz', vmId });
}

export function newHost(options: HostOptions = {}): Host {
  return new Host(options);
}

/** One request from beginning to end. */
export function ask(
  plugin: Plugin,
  { source, certificate, cluster, method, path, headers = [] }: AuthzRequest,
): Verdict {
  const properties: Record<string, string> = {};
  if (source !== undefined) properties['xds.listener_metadata.filter_metadata.shunt.source'] = source;
  if (certificate !== undefined) properties['connection.uri_san_peer_certificate'] = certificate;
  if (cluster !== undefined) properties['xds.cluster_name'] = cluster;
  using stream = plugin.http({ properties });
  const pseudo: [string, string][] = [];
  if (method !== undefined) pseudo.push([':method', method]);
  if (path !== undefined) pseudo.push([':path', path]);
  const verdict = stream.requestHeaders([...pseudo, ...headers]);
  return { allowed: verdict === 'continue', reply: stream.reply };
}
