/** The SDK's test filter (filters/proxy-wasm-sdk/probe), compiled when it is out of date. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type FilterModule,
  Host,
  type HostOptions,
  type HttpStream,
  loadFilter,
  type Plugin,
} from 'proxy-wasm-sdk/testing/index.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const SDK = join(ROOT, 'filters/proxy-wasm-sdk');
const MODULE = join(ROOT, 'build/test-filters/probe.wasm');

let compiled: FilterModule | undefined;

/** Takes some seconds the first time after a change of the SDK. */
export function probeModule(): FilterModule {
  compiled ??= loadFilter(probeModulePath());
  return compiled;
}

/** As `probeModule`, for an Envoy. */
export function probeModulePath(): string {
  const sources = ['assembly', 'probe'].flatMap((dir) => files(join(SDK, dir)));
  const newest = Math.max(...[...sources, join(SDK, 'asconfig.json')].map((path) => statSync(path).mtimeMs));
  const built = statSync(MODULE, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest) return MODULE;
  mkdirSync(join(ROOT, 'build/test-filters'), { recursive: true });
  const asc = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
  const entry = join(SDK, 'probe/assembly/index.ts');
  const fresh = `${MODULE}.${process.pid}`;
  execFileSync(process.execPath, [asc, entry, '--config', join(SDK, 'asconfig.json'), '--outFile', fresh], {
    stdio: 'pipe',
  });
  renameSync(fresh, MODULE);
  return MODULE;
}

function files(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

export interface Probe {
  readonly host: Host;
  readonly plugin: Plugin;
}

export function probe(configuration: object = {}, options: HostOptions = {}, host = new Host(options)): Probe {
  const plugin = host.load({ module: probeModule(), configuration: JSON.stringify(configuration), vmId: 'probe' });
  return { host, plugin };
}

/** A stream whose request headers say what the filter shall do. */
export function order(
  plugin: Plugin,
  what: string,
  argument = '',
  options: Parameters<Plugin['http']>[0] = {},
): HttpStream {
  const stream = plugin.http(options);
  stream.requestHeaders(
    [
      [':method', 'GET'],
      [':path', '/'],
      ['x-do', what],
      ['x-with', argument],
    ],
    { endOfStream: false },
  );
  return stream;
}

/** What the filter answers to an order. */
export function answer(
  plugin: Plugin,
  what: string,
  argument = '',
  options: Parameters<Plugin['http']>[0] = {},
): string | undefined {
  using stream = order(plugin, what, argument, options);
  return stream.reply?.body;
}
