/** The WASM filters that this build ships, and the Envoy configuration that loads each. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ShuntError } from '../errors.ts';

export interface BuiltInFilter {
  readonly name: string;
  readonly summary: string;
  /** Absolute path of the compiled module. */
  readonly wasm: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Where compiled filters are: SHUNT_FILTERS, else what scripts/build made. */
function buildDir(): string {
  return process.env.SHUNT_FILTERS ?? resolve(import.meta.dirname, '../../build/filters');
}

/** Name -> one line, and the smallest configuration that loads (and, for authz, lets nothing through). */
const FILTERS: Readonly<Record<string, { readonly summary: string; readonly example: unknown }>> = {
  authz: {
    summary: "Istio's AuthorizationPolicy: who may do what, by identity, address, token, host, path, header",
    example: { sources: {}, destinations: {}, policies: [] },
  },
  fault: {
    summary: 'delay and abort requests by percentage and by what they say, with a switch that needs no reload',
    example: { name: 'none', rules: [{ name: 'unavailable', abort: { percent: 0, status: 503 } }] },
  },
  telemetry: {
    summary: "Istio's standard HTTP metrics, by source, destination and route, as statistics of Envoy",
    example: {
      reporter: 'destination',
      labels: {
        source_principal: '%{connection.uri_san_peer_certificate|unknown}',
        destination_service: '%{xds.cluster_name|unknown}',
        route_name: '%{xds.route_name|unknown}',
      },
    },
  },
  ratelimit: {
    summary: 'token buckets for each caller, path or header, exact over all workers',
    example: { name: 'all', rules: [{ name: 'per-client', by: ['remoteAddress'], requests: 100, perSeconds: 1 }] },
  },
  headers: {
    summary: 'add, set, append and remove headers of requests and responses, with properties in values',
    example: { request: { set: { 'x-client-identity': '%{connection.uri_san_peer_certificate}' } } },
  },
};

/** Absolute path of a built filter. @throws E_NEEDS when it was not built. */
export function filterModule(name: string): string {
  const wasm = join(buildDir(), `${name}.wasm`);
  if (!existsSync(wasm)) throw new ShuntError('E_NEEDS', `${wasm} is missing; build it: scripts/build`);
  return wasm;
}

export function builtInFilters(): BuiltInFilter[] {
  return Object.entries(FILTERS).map(([name, { summary }]) => {
    const wasm = filterModule(name);
    const module = readFileSync(wasm);
    return { name, summary, wasm, sizeBytes: module.length, sha256: createHash('sha256').update(module).digest('hex') };
  });
}

/** The smallest configuration of a filter that loads. @throws E_USAGE for a name that is not in the list. */
export function filterExample(name: string): unknown {
  const filter = FILTERS[name];
  if (filter !== undefined) return filter.example;
  const names = Object.keys(FILTERS).join(', ');
  throw new ShuntError('E_USAGE', `filter ${JSON.stringify(name)}: expected one of ${names}`);
}

/**
 * Envoy's PluginConfig. FAIL_RELOAD: a trap answers that request with 503 and a fresh VM serves the next, so that a filter
 * is never skipped and never stays dead. `module`: path of the compiled filter.
 */
export function wasmPlugin(name: string, configuration: string, module: string = filterModule(name)): object {
  return {
    name: `shunt.${name}`,
    root_id: name,
    failure_policy: 'FAIL_RELOAD',
    configuration: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: configuration },
    vm_config: {
      // Another build of the filter is another VM: the same path alone would tell Envoy of no change.
      vm_id: `shunt.${name}.${moduleVersion(module)}`,
      runtime: 'envoy.wasm.runtime.v8',
      code: { local: { filename: module } },
    },
  };
}

/** A part of the module's hash; `absent` where there is none yet (Envoy then refuses the configuration). */
function moduleVersion(module: string): string {
  if (!existsSync(module)) return 'absent';
  return createHash('sha256').update(readFileSync(module)).digest('hex').slice(0, 12);
}
