/**
 * Loads plugins in an Envoy of their own that serves nobody, before the one that serves hears of them. A listener with a
 * filter that Envoy refuses would answer everything with 500, and a module that loops for ever while it is configured would
 * stop Envoy's main thread.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import { type EcdsType, filterName, isEcds, type XdsType } from '../proxy/envoy/config-source.ts';
import { extension, type Message } from '../proxy/envoy/type-url.ts';
import type { XdsText } from '../proxy/envoy/xds.ts';
import { envoyBinary } from './envoy-binary.ts';
import { replaceFile } from './state.ts';

/** Half a second on an idle machine; the rest is for large modules and busy machines. */
const TRIAL_TIMEOUT_MS = 20_000;

/** Envoy's words that say no more than that a plugin was refused. */
const EMPTY_WORDS = /failed to load$|^Wasm VM failed Failed to configure/;

/** @throws E_PROXY with Envoy's reason for the first plugin that it refuses. */
export async function tryPlugins(instance: Instance, wanted: XdsText, changed: readonly XdsType[]): Promise<void> {
  for (const type of changed) if (isEcds(type) && type !== 'ecds') await tryPlugin(instance, type, wanted[type] ?? '');
}

async function tryPlugin(instance: Instance, type: EcdsType, text: string): Promise<void> {
  const file = join(instance.runDir, 'trial.json');
  replaceFile(file, JSON.stringify(bootstrapOf(type, text)));
  try {
    const reason = await run([
      ...['--mode', 'validate', '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
      ...['--config-path', file],
    ]);
    if (reason === undefined) return;
    const plugin = type.slice('ecds.'.length).replace('.', '/');
    throw new ShuntError('E_PROXY', `Envoy refused WasmPlugin ${plugin}; what ran before stays in force: ${reason}`);
  } finally {
    rmSync(file, { force: true });
  }
}

/** Envoy does not look at files of xDS in this mode: the filter stands in a listener, which is never opened. */
function bootstrapOf(type: EcdsType, text: string): Message {
  const { resources } = JSON.parse(text) as { resources: { typed_config: { config: Message } }[] };
  const filter = resources[0]?.typed_config;
  // One that fails open would be accepted whatever it is.
  const typedConfig = { ...filter, config: { ...filter?.config, failure_policy: 'FAIL_CLOSED' } };
  const manager = extension(
    'envoy.filters.network.http_connection_manager',
    'extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'trial',
      route_config: { name: 'trial' },
      http_filters: [
        { name: filterName(type), typed_config: typedConfig },
        extension('envoy.filters.http.router', 'extensions.filters.http.router.v3.Router'),
      ],
    },
  );
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };
  return { static_resources: { listeners: [{ name: 'trial', address, filter_chains: [{ filters: [manager] }] }] } };
}

/** @returns undefined when Envoy accepts the configuration, else why not. */
async function run(args: readonly string[]): Promise<string | undefined> {
  return await new Promise((done) => {
    const options = { timeout: TRIAL_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 24 } as const;
    execFile(envoyBinary(), args, options, (error, _stdout, stderr) => {
      if (error === null) done(undefined);
      else if (error.killed) done(`it was not loaded within ${TRIAL_TIMEOUT_MS / 1000} s`);
      else done(wordsOf(stderr) || error.message);
    });
  });
}

/** Errors of Envoy's log without time, thread and place, each once. */
function wordsOf(stderr: string): string {
  const errors = stderr.split('\n').filter((line) => /\]\[(error|critical)\]/.test(line));
  const words = errors.map((line) =>
    line.replace(/^(\[[^\]]*\])+ (\[[^\]]*\] )?/, '').replace(/ '[^']*trial\.json'/, ''),
  );
  return [...new Set(words.filter((text) => !EMPTY_WORDS.test(text)))].join('; ').slice(0, 2000);
}
