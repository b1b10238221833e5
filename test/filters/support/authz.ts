/** The compiled authz filter in the Node host. */
import { join } from 'node:path';
import { Host, type HostOptions, type LocalReply, loadFilter, type Plugin } from 'proxy-wasm-sdk/testing/index.ts';
import { jwtMetadata } from './protobuf-value.ts';

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
  /** Host header. */
  readonly host?: string;
  readonly headers?: readonly (readonly [string, string])[];
  /** The connection's peer, as the network filter set_filter_state says it. Absent: that filter is not there. */
  readonly peer?: string;
  /** Whom the proxy takes the request to be from; IPv6 in brackets. */
  readonly remote?: string;
  /** The address that the connection was made to. */
  readonly local?: string;
  /** Server name of TLS. */
  readonly sni?: string;
  /** Of a verified token. */
  readonly claims?: object;
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
export function ask(plugin: Plugin, request: AuthzRequest): Verdict {
  using stream = plugin.http({ properties: propertiesOf(request) });
  const pseudo: [string, string | undefined][] = [
    [':authority', request.host],
    [':method', request.method],
    [':path', request.path],
  ];
  const present = pseudo.filter((pair): pair is [string, string] => pair[1] !== undefined);
  const headers = (request.headers ?? []).map(([name, value]): [string, string] => [name, value]);
  const verdict = stream.requestHeaders([...present, ...headers]);
  return { allowed: verdict === 'continue', reply: stream.reply };
}

/** As Envoy has them. */
export function propertiesOf({
  source,
  certificate,
  cluster,
  peer,
  remote,
  local,
  sni,
  claims,
}: AuthzRequest): Record<string, string | Uint8Array> {
  const properties: Record<string, string | Uint8Array> = {};
  if (source !== undefined) properties['xds.listener_metadata.filter_metadata.shunt.source'] = source;
  if (certificate !== undefined) properties['connection.uri_san_peer_certificate'] = certificate;
  if (cluster !== undefined) properties['xds.cluster_name'] = cluster;
  if (peer !== undefined) properties['filter_state.shunt.source_ip'] = peer;
  if (remote !== undefined) properties['source.address'] = `${remote}:40000`;
  if (local !== undefined) properties['destination.address'] = `${local}:80`;
  if (sni !== undefined) properties['connection.requested_server_name'] = sni;
  if (claims !== undefined) properties.metadata = jwtMetadata(claims);
  return properties;
}
