import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseResources } from '../../src/config/load.ts';
import { envoyBinary } from '../../src/supervisor/envoy-binary.ts';
import { finished, type Outcome, ROOT, SHUNT } from '../support/mesh.ts';

describe('shunt filters new', () => {
  let dir: string;
  let filter: string;

  async function run(cwd: string, program: string, ...args: readonly string[]): Promise<Outcome> {
    const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` };
    return await finished(spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  /** Code blocks of the README, by their language. */
  const blocks = (language: string): string[] =>
    [...readFileSync(join(filter, 'README.md'), 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
      .filter(([, found]) => found === language)
      .map(([, , text = '']) => text);

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'shunt-filters-new-'));
    filter = join(dir, 'my-filter');
    const outcome = await run(dir, SHUNT, 'filters', 'new', 'my-filter');
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    // What `npm install` would fetch, in the versions that package.json names.
    symlinkSync(join(ROOT, 'node_modules'), join(filter, 'node_modules'));
  });

  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it('writes a whole filter, and no name of the template stays', () => {
    const files = readdirSync(filter, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => join(entry.parentPath, entry.name).slice(filter.length + 1))
      .sort();
    expect(files).toEqual([
      ...['.gitignore', 'README.md', 'assembly/index.ts', 'package.json', 'schema.json', 'test/filter.test.ts'],
    ]);
    for (const file of files) expect(readFileSync(join(filter, file), 'utf8')).not.toContain('FILTER_');
  });

  it('names packages that are there, in the versions that are there', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(filter, 'package.json'), 'utf8'));
    for (const [name, wanted] of Object.entries<string>(devDependencies)) {
      const manifest = wanted.startsWith('file:') ? wanted.slice(5) : join(ROOT, 'node_modules', name);
      const { name: found, version } = JSON.parse(readFileSync(join(manifest, 'package.json'), 'utf8'));
      expect(found).toBe(name);
      if (!wanted.startsWith('file:')) expect(version).toBe(wanted);
    }
  });

  it('builds as it is, and its test passes', async () => {
    const outcome = await run(filter, 'npm', 'test');
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(0);
    expect(outcome.stdout).toMatch(/pass 6/);
    expect(outcome.stdout).toMatch(/fail 0/);
    expect(existsSync(join(filter, 'build/my-filter.wasm'))).toBe(true);
  });

  it('has a test that fails when the filter is wrong', async () => {
    const source = join(filter, 'assembly/index.ts');
    const good = readFileSync(source, 'utf8');
    writeFileSync(source, good.replace('responseHeaders.set(', 'responseHeaders.add('));
    try {
      const outcome = await run(filter, 'npm', 'test');
      expect(outcome.code).not.toBe(0);
      expect(outcome.stdout).toMatch(/fail 1/);
    } finally {
      writeFileSync(source, good);
      expect((await run(filter, 'npm', 'run', 'build')).code).toBe(0);
    }
  });

  it('has a schema that takes what the filter takes', () => {
    const schema = JSON.parse(readFileSync(join(filter, 'schema.json'), 'utf8'));
    const valid = new Ajv2020().compile(schema);
    expect(schema.examples.every((example: unknown) => valid(example))).toBe(true);
    for (const bad of [{}, { value: 7 }, { value: '' }, { value: 'a', more: 1 }]) expect(valid(bad)).toBe(false);
  });

  it('has a README whose snippet Envoy loads', () => {
    const [snippet = ''] = blocks('yaml');
    const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
    const manager =
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
    const config = {
      '@type': manager,
      stat_prefix: 'in',
      route_config: { name: 'none' },
      http_filters: [...parse(snippet), { name: 'router', typed_config: { '@type': router } }],
    };
    const listener = {
      name: 'in',
      address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
      filter_chains: [{ filters: [{ name: 'http', typed_config: config }] }],
    };
    const file = join(dir, 'envoy.json');
    const validate = (listeners: object[]): string => {
      writeFileSync(file, JSON.stringify({ static_resources: { listeners } }));
      const args = ['--mode', 'validate', '--disable-hot-restart', '--log-level', 'error', '-c', file];
      return execFileSync(envoyBinary(), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    };
    expect(validate([listener])).toContain('OK');
    const wrong = JSON.parse(JSON.stringify(listener).replace('\\"value\\"', '\\"worth\\"'));
    expect(() => validate([wrong])).toThrow(/worth: unknown key; expected value/);
  });

  it('has a README whose WasmPlugin shunt accepts', () => {
    const [, resource = ''] = blocks('yaml');
    const [sum = ''] = execFileSync('sha256sum', [join(filter, 'build/my-filter.wasm')], { encoding: 'utf8' }).split(
      ' ',
    );
    expect(parseAllDocuments(resource)).toHaveLength(1);
    const mesh = `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: api, labels: { app: api } }
---
apiVersion: v1
kind: Service
metadata: { name: api }
spec: { selector: { app: api }, ports: [{ name: http, port: 80 }] }
---
${resource.replace('SHA256', sum)}`;
    const { plugins } = parseResources([{ file: 'mesh.yaml', text: Buffer.from(mesh) }]);
    expect(plugins).toMatchObject([{ key: 'default/my-filter', pluginConfig: '{"value":"my-filter"}' }]);
  });

  it('writes over nothing, and takes no name that could not be one', async () => {
    const again = await run(dir, SHUNT, 'filters', 'new', 'my-filter');
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining(`${filter} exists`) });
    for (const name of ['../up', 'Capital', '7up', 'a/b', '']) {
      expect(await run(dir, SHUNT, 'filters', 'new', '--', name)).toMatchObject({ code: 2 });
    }
    expect(readdirSync(dir).sort()).toEqual(['envoy.json', 'my-filter']);
  });
});
