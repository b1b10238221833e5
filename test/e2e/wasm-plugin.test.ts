import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { compileFilter } from '../support/filter-module.ts';
import { finished, type TestMesh as Mesh, ROOT, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO } from './resources.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');

/** Adds the header `x-stamp`; traps at /ok/trap, takes memory at /ok/greed, never ends at /ok/forever or when it is told so; makes /secret another path. */
const SOURCE = `
import { Action, Bytes, HttpContext, JsonDocument, log, LogLevel, registerRoot, requestHeaders, RootContext, utf8 } from "proxy-wasm-sdk/assembly";
export * from "proxy-wasm-sdk/assembly/exports/base";
export * from "proxy-wasm-sdk/assembly/exports/request-headers";

const PATH = utf8(":path");
const STAMP = utf8("x-stamp");

class Root extends RootContext {
  stamp: ArrayBuffer = utf8("");

  onConfigure(text: Bytes): bool {
    const document = JsonDocument.parse(text);
    if (document.root.only(["stamp", "forever"]) && document.root.get("forever") !== null) while (true) {}
    this.stamp = document.root.need("stamp").bytes();
    if (document.error.length > 0) log(LogLevel.Error, "stamp: " + document.error);
    return document.error.length == 0;
  }

  createHttpContext(): HttpContext {
    return new Stamp(this);
  }
}

class Stamp extends HttpContext {
  constructor(private root: Root) {
    super();
  }

  onRequestHeaders(count: i32, endOfStream: bool): Action {
    const path = requestHeaders.first(PATH);
    if (path !== null && path.equals(utf8("/ok/trap"))) unreachable();
    if (path !== null && path.equals(utf8("/ok/greed"))) while (heap.alloc(1 << 20) != 0) {}
    if (path !== null && path.equals(utf8("/ok/forever"))) while (true) {}
    if (path !== null && path.equals(utf8("/secret"))) requestHeaders.set(PATH, utf8("/ok/rewritten"));
    requestHeaders.add(STAMP, this.root.stamp);
    return Action.Continue;
  }
}

registerRoot(() => new Root());
`;

/** 8 MiB. */
const MOST_MEMORY = ['--maximumMemory', '128'];

/** Another service, which no plugin selects. */
const PLAIN = ECHO.replaceAll('echo', 'plain').replaceAll('programs/plain.ts', 'programs/echo.ts');

interface Plugin {
  readonly name?: string;
  readonly stamp?: string;
  readonly spec?: string;
  readonly sha256?: string;
}

describe('a WasmPlugin', () => {
  let mesh: Mesh;
  let dir: string;
  let module: { path: string; sha256: string };

  /** A plugin before echo that stamps. */
  function plugin({ name = 'stamp', stamp = 'one', spec = '', sha256 = module.sha256 }: Plugin = {}): string {
    return `
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: echo } }
  url: file://${module.path}
  sha256: ${sha256}
  pluginConfig: ${stamp.startsWith('{') ? stamp : `{ stamp: ${stamp} }`}
${spec}
`;
  }

  const apply = (...plugins: string[]): ReturnType<Mesh['apply']> => mesh.apply(documents(ECHO, PLAIN, ...plugins));

  async function ask(url: string): Promise<{ status: number; path?: string; stamp?: string }> {
    const outcome = await mesh.runAs('client', 'curl', '-s', '-m', '10', '-w', '\n%{http_code}', `http://${url}`);
    const [body = '', status = ''] = outcome.stdout.trimEnd().split(/\n(?=\d+$)/);
    if (status !== '200') return { status: Number(status) };
    const { path, headers } = JSON.parse(body) as { path: string; headers: Record<string, string> };
    return { status: 200, path, ...(headers['x-stamp'] === undefined ? {} : { stamp: headers['x-stamp'] }) };
  }

  const refusal = (...plugins: string[]): Promise<string> =>
    apply(...plugins).then(
      () => 'accepted',
      (error: Error) => error.message,
    );

  const xds = (): string[] => readdirSync(mesh.instance.xdsDir).sort();
  const modules = (): string[] => {
    const folder = join(mesh.instance.runDir, 'modules');
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'shunt-wasm-plugin-'));
    module = compileFilter(dir, 'stamp', SOURCE, MOST_MEMORY);
    mesh = await TestMesh.up(documents(ECHO, PLAIN));
    await waitFor('echo answers', async () => (await ask('echo/ok')).status === 200);
    await waitFor('plain answers', async () => (await ask('plain/ok')).status === 200);
  });

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  beforeEach(async () => {
    await apply(plugin());
  });

  it('sees the requests to the workloads that it selects, and no others', async () => {
    expect(await ask('echo/ok')).toEqual({ status: 200, path: '/ok', stamp: 'one' });
    expect(await ask('plain/ok')).toEqual({ status: 200, path: '/ok' });
  });

  it('judges nothing: policy denies as before', async () => {
    expect(await ask('echo/no')).toEqual({ status: 403 });
  });

  it('of a phase before the policies changes what they judge, one after them does not', async () => {
    expect(await ask('echo/secret')).toEqual({ status: 403 });
    await apply(plugin({ spec: '  phase: AUTHZ' }));
    expect(await ask('echo/secret')).toEqual({ status: 200, path: '/ok/rewritten', stamp: 'one' });
  });

  it('of each phase has its turn, whatever its priority', async () => {
    const phases = ['STATS', 'AUTHN', 'UNSPECIFIED_PHASE', 'AUTHZ'];
    const plugins = phases.map((phase, index) =>
      plugin({ name: `p${index}`, stamp: phase, spec: `  phase: ${phase}\n  priority: ${index}` }),
    );
    await apply(...plugins);
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'AUTHN, AUTHZ, STATS, UNSPECIFIED_PHASE' });
  });

  it('runs after one of higher priority', async () => {
    await apply(plugin({ spec: '  priority: 1' }), plugin({ name: 'second', stamp: 'two' }));
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'one, two' });
    await apply(plugin({ spec: '  priority: 1' }), plugin({ name: 'second', stamp: 'two', spec: '  priority: 2' }));
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'two, one' });
  });

  it('takes a new configuration on live connections', async () => {
    const url = 'http://echo/ok';
    const client = mesh.start('run', '--service-account', 'client', '--', NODE, program('until-stamp.ts'), url, 'two');
    const outcome = finished(client);
    await new Promise((started) => client.stderr?.once('data', started));
    expect((await apply(plugin({ stamp: 'two' }))).stdout).toBe('~ plugin default/stamp\n');
    expect(JSON.parse((await outcome).stdout)).toEqual({ stamps: ['one', 'two'], connections: 1, wrong: [] });
  });

  it('of a configuration that it refuses stays as it was, and says why', async () => {
    const before = { xds: xds(), modules: modules(), status: await mesh.api.status() };
    const message = await refusal(plugin({ stamp: '{ stamp: two, extra: 1 }' }));
    expect(message).toMatch(/E_PROXY: Envoy refused WasmPlugin default\/stamp; .*extra: unknown key; expected stamp/);
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'one' });
    expect({ xds: xds(), modules: modules() }).toEqual({ xds: before.xds, modules: before.modules });
  });

  it('that is new and refused does not disturb the others, not even for a moment', async () => {
    const url = 'http://echo/ok';
    const client = mesh.start('run', '--service-account', 'client', '--', NODE, program('until-stamp.ts'), url, 'two');
    const outcome = finished(client);
    await new Promise((started) => client.stderr?.once('data', started));
    const bad = plugin({ name: 'bad', stamp: '{ stamp: 7 }', spec: '  phase: STATS\n  failStrategy: FAIL_OPEN' });
    expect(await refusal(plugin(), bad)).toMatch(
      /E_PROXY: Envoy refused WasmPlugin default\/bad; .*stamp: expected a string/,
    );
    expect(xds()).not.toContain('ecds.default.bad');
    await apply(plugin({ stamp: 'two' }));
    expect(JSON.parse((await outcome).stdout)).toEqual({ stamps: ['one', 'two'], connections: 1, wrong: [] });
  });

  it('that is no proxy-wasm filter is refused', async () => {
    const path = join(dir, 'empty.wasm');
    writeFileSync(path, Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]));
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    const message = await refusal(plugin({ sha256 }).replace(module.path, path));
    expect(message).toMatch(/E_PROXY: Envoy refused WasmPlugin default\/stamp; .*ABI version/);
    expect(modules()).toEqual([`${module.sha256}.wasm`]);
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'one' });
  });

  it('that never ends its configuration is refused, and Envoy goes on', async () => {
    const { envoy } = await mesh.api.status();
    expect(await refusal(plugin({ stamp: '{ forever: true }' }))).toMatch(/E_PROXY: .*was not loaded within 20 s/);
    expect((await mesh.api.status()).envoy.pid).toBe(envoy.pid);
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'one' });
  });

  it('whose file is another module than the resource says is refused with the place', async () => {
    const message = await refusal(plugin({ sha256: 'a'.repeat(64) }));
    expect(message).toMatch(
      /mesh\.yaml:\d+:11: .*stamp\.wasm has the sha256 [0-9a-f]{64}; expected the module with a{64}/,
    );
  });

  it('that traps answers 503 and is there again for the next request', async () => {
    expect(await ask('echo/ok/trap')).toEqual({ status: 503 });
    await waitFor('the plugin is back', async () => (await ask('echo/ok')).stamp === 'one');
  });

  it('that takes more memory than its module declares fails as one that traps', async () => {
    expect(await ask('echo/ok/greed')).toEqual({ status: 503 });
    await waitFor('the plugin is back', async () => (await ask('echo/ok')).stamp === 'one');
  });

  it('that traps and may fail open is skipped from then on', async () => {
    await apply(plugin({ spec: '  failStrategy: FAIL_OPEN' }));
    expect(await ask('echo/ok')).toMatchObject({ status: 200, stamp: 'one' });
    // Each worker has a VM of its own, and the kernel chooses the worker of a connection.
    const curl = 'curl -s -m 10 http://echo/ok';
    const script = `for i in $(seq 20); do ${curl}/trap >&2; done; for i in $(seq 20); do ${curl}; done`;
    const { stdout } = await mesh.runAs('client', 'sh', '-c', script);
    const answers = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toHaveLength(20);
    for (const { path, headers } of answers) expect([path, headers['x-stamp']]).toEqual(['/ok', undefined]);
    expect(await ask('echo/no')).toEqual({ status: 403 });
    await apply();
  });

  it('that is gone leaves no module, and can come back while its last listeners drain', async () => {
    expect((await apply()).stdout).toBe('- plugin default/stamp\n');
    expect(await ask('echo/ok')).toEqual({ status: 200, path: '/ok' });
    expect(modules()).toEqual([]);
    expect((await apply(plugin({ stamp: 'three' }))).stdout).toBe('+ plugin default/stamp\n');
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'three' });
  });

  it('runs from a copy: neither a new Envoy nor a new supervisor needs the file', async () => {
    rmSync(module.path);
    try {
      const { envoy } = await mesh.api.status();
      process.kill(envoy.pid ?? 0, 'SIGKILL');
      await waitFor('another Envoy serves', async () => {
        const now = (await mesh.api.status()).envoy;
        return now.state === 'ready' && now.pid !== envoy.pid;
      });
      expect(await ask('echo/ok')).toMatchObject({ stamp: 'one' });
    } finally {
      module = compileFilter(dir, 'stamp', SOURCE, MOST_MEMORY);
    }
  });

  it('that never ends a request is stopped with Envoy, and another Envoy serves', async () => {
    const { envoy } = await mesh.api.status();
    expect((await ask('echo/ok/forever')).status).not.toBe(200);
    await waitFor('another Envoy serves', async () => {
      const now = (await mesh.api.status()).envoy;
      return now.state === 'ready' && now.pid !== envoy.pid;
    });
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'one' });
  });

  it('refuses a workload that would share a Service with those that it selects', async () => {
    const selected = plugin().replace('app: echo', 'app: echo, tier: front');
    const labelled = ECHO.replace('labels: { app: echo }', 'labels: { app: echo, tier: front }');
    await mesh.apply(documents(labelled, PLAIN, selected));
    const outcome = await mesh.cli('run', '--name', 'late', '--label', 'app=echo', '--', 'true');
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(
      'WasmPlugin default/stamp selects default/echo and not default/late, both behind service default/echo:80',
    );
    expect(await ask('echo/ok')).toMatchObject({ stamp: 'one' });
  });
});

function program(name: string): string {
  return join(ROOT, 'test/e2e/programs', name);
}
