/** A real Envoy for one test file: started by hand, admin on a unix socket, free ports on loopback, ended by its pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { Client } from 'undici';

const ROOT = resolve(import.meta.dirname, '../../..');
const PINNED = join(ROOT, '.deps/envoy/envoy/_bin/envoy');
const START_TIMEOUT_MS = 30_000;
/** Envoy under this shell's pid; a test that dies, however it dies, closes descriptor 3 and takes Envoy and its files along. */
const GUARDED = '(read -r line <&3 || { kill -9 $$; rm -rf "$0"; }) & exec "$@" 3<&-';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

export interface EnvoyResources {
  readonly listeners: readonly Json[];
  readonly clusters: readonly Json[];
}

export interface EnvoyOptions {
  /** Worker threads. Default 1. */
  readonly workers?: number;
  /** Further members of the bootstrap. */
  readonly bootstrap?: Readonly<Record<string, Json>>;
}

/** The Envoy that scripts/setup chose. */
function binary(): string {
  return process.env.SHUNT_ENVOY ?? (existsSync(PINNED) ? PINNED : 'envoy');
}

export class TestEnvoy implements AsyncDisposable {
  readonly dir: string;
  readonly #process: ChildProcess;
  readonly #admin: Client;
  #exited = false;

  private constructor(dir: string, child: ChildProcess) {
    this.dir = dir;
    this.#process = child;
    child.once('exit', () => {
      this.#exited = true;
    });
    this.#admin = new Client('http://localhost', { socketPath: join(dir, 'admin.sock') });
  }

  /**
   * Starts and waits until it is ready. `ecds`: first texts of the files that filters are configured from, by name.
   * @throws Error with the end of Envoy's log.
   */
  static async start(
    resources: (dir: string) => EnvoyResources,
    ecds: Record<string, object> = {},
    { workers = 1, bootstrap: further = {} }: EnvoyOptions = {},
  ): Promise<TestEnvoy> {
    const dir = mkdtempSync(join(tmpdir(), 'shunt-filters-'));
    for (const [name, config] of Object.entries(ecds)) writeEcds(dir, name, config);
    const bootstrap = {
      node: { id: 'test', cluster: 'test' },
      admin: { address: { pipe: { path: join(dir, 'admin.sock') } } },
      static_resources: resources(dir),
      ...further,
    };
    writeFileSync(join(dir, 'envoy.json'), JSON.stringify(bootstrap));
    const options = [
      ...[
        '-c',
        join(dir, 'envoy.json'),
        '--concurrency',
        String(workers),
        '--disable-hot-restart',
        '--log-level',
        'warn',
      ],
      ...['--component-log-level', 'wasm:info', '--file-flush-interval-msec', '50'],
      ...['--log-path', join(dir, 'envoy.log')],
    ];
    const child = spawn('sh', ['-c', GUARDED, dir, binary(), ...options], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const envoy = new TestEnvoy(dir, child);
    try {
      await until(() => envoy.#ready(), START_TIMEOUT_MS, 'Envoy is not ready');
    } catch (error) {
      const message = `${(error as Error).message}\n${envoy.log().slice(-4000)}`;
      await envoy[Symbol.asyncDispose]();
      throw new Error(message);
    }
    return envoy;
  }

  /** Of the running process. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return !this.#exited;
  }

  log(): string {
    const path = join(this.dir, 'envoy.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async admin(path: string): Promise<string> {
    const { body } = await this.#admin.request({ method: 'GET', path });
    return body.text();
  }

  /** The port that the kernel gave a listener. */
  async port(listener: string): Promise<number> {
    const { listener_statuses } = JSON.parse(await this.admin('/listeners?format=json')) as {
      listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
    };
    const found = listener_statuses.find(({ name }) => name === listener);
    if (found === undefined) throw new Error(`Envoy has no listener ${listener}`);
    return found.local_address.socket_address.port_value;
  }

  /** Value of a statistic; undefined where Envoy has none of that name. */
  async stat(name: string): Promise<number | undefined> {
    const lines = (await this.admin('/stats')).split('\n');
    const line = lines.find((candidate) => candidate.startsWith(`${name}: `));
    return line === undefined ? undefined : Number(line.slice(name.length + 2));
  }

  /** Replaces the configuration of a filter and waits until Envoy has taken or refused it. */
  async reconfigure(name: string, config: object): Promise<'taken' | 'refused'> {
    // config_reload also counts what was refused
    const prefix = `extension_config_discovery.http_filter.${name}.update_`;
    const count = async (): Promise<{ taken: number; refused: number }> => ({
      taken: (await this.stat(`${prefix}success`)) ?? 0,
      refused: (await this.stat(`${prefix}rejected`)) ?? 0,
    });
    const before = await count();
    writeEcds(this.dir, name, config);
    let after = before;
    await until(
      async () => {
        after = await count();
        return after.taken !== before.taken || after.refused !== before.refused;
      },
      10_000,
      `Envoy did not look at the new configuration of ${name}`,
    );
    return after.taken === before.taken ? 'refused' : 'taken';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.destroy();
    (this.#process.stdio[3] as Writable).end('\n');
    if (!this.#exited) {
      const exit = new Promise((done) => this.#process.once('exit', done));
      this.#process.kill('SIGKILL');
      await exit;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #ready(): Promise<boolean> {
    if (this.#exited) throw new Error('Envoy ended at its start');
    if (!existsSync(join(this.dir, 'admin.sock'))) return false;
    try {
      return (await this.admin('/ready')).startsWith('LIVE');
    } catch (error) {
      // the socket is bound a moment before it listens
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return false;
      throw error;
    }
  }
}

/** Tries until it is true. @throws Error with `what` after `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  what: string,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} after ${timeoutMs} ms`);
    await new Promise((next) => setTimeout(next, 5));
  }
}

/** `http_filters` entry of a filter that is configured from a file which `reconfigure` replaces. */
export function ecdsFilter(dir: string, name: string): Json {
  const path = join(dir, 'ecds', name);
  return {
    name,
    config_discovery: {
      type_urls: ['type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm'],
      config_source: {
        path_config_source: { path: join(path, 'filter.json'), watched_directory: { path } },
        resource_api_version: 'V3',
      },
    },
  };
}

let version = 0;

function writeEcds(dir: string, name: string, config: object): void {
  const path = join(dir, 'ecds', name);
  mkdirSync(path, { recursive: true });
  const resource = {
    '@type': 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
    name,
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm', config },
  };
  writeFileSync(join(path, 'new'), JSON.stringify({ version_info: String(++version), resources: [resource] }));
  renameSync(join(path, 'new'), join(path, 'filter.json'));
}
