/** What the READMEs of filters show, and what `shunt filters snippet` prints, is loaded as it stands. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Host } from 'proxy-wasm-sdk/testing/index.ts';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { filterModule } from '../../src/proxy/filters.ts';
import { exampleSnippet } from '../../src/proxy/snippet.ts';
import { type Json, TestEnvoy } from './support/envoy.ts';
import { httpListener } from './support/envoy-config.ts';
import { loadInto } from './support/filter.ts';
import { schemaOf } from './support/schema.ts';

const FILTERS = join(import.meta.dirname, '../../filters');
const names = ['fault', 'headers', 'ratelimit', 'telemetry'];

interface Entry {
  readonly name: string;
  readonly typed_config: {
    readonly config: {
      readonly root_id: string;
      readonly configuration: { readonly value: string };
      readonly vm_config: { readonly vm_id: string; readonly code: { local: { filename: string } } };
    };
  };
}

/** The entry of http_filters that a README begins with, with the path of this build. */
function documented(name: string): Entry {
  const text = readFileSync(join(FILTERS, name, 'README.md'), 'utf8');
  const [, block = ''] = /```yaml\n(http_filters:\n.*?)```/s.exec(text) ?? [];
  const { http_filters } = parse(block) as { http_filters: Entry[] };
  const [entry, router] = http_filters;
  if (entry === undefined || router === undefined) throw new Error(`${name}: README.md shows no filter and router`);
  entry.typed_config.config.vm_config.code.local.filename = filterModule(name);
  return entry;
}

const printed = (name: string): Entry => JSON.parse(exampleSnippet(name, { format: 'json' })) as Entry;

test.each(names)('%s has all that a filter has', (name) => {
  const files = readdirSync(join(FILTERS, name));
  expect(files).toEqual(expect.arrayContaining(['CHANGELOG.md', 'README.md', 'assembly', 'schema.json']));
  expect(existsSync(join(FILTERS, name, 'assembly/index.ts'))).toBe(true);
});

test.each(names)('%s: the documented and the printed configuration are taken by filter and schema', (name) => {
  for (const entry of [documented(name), printed(name)]) {
    const { config } = entry.typed_config;
    expect([entry.name, config.root_id]).toEqual([`shunt.${name}`, name]);
    // what is shared between workers lies under it: the empty one would be everybody's
    expect(config.vm_config.vm_id.startsWith(`shunt.${name}`)).toBe(true);
    const { value } = config.configuration;
    expect(schemaOf(name)(JSON.parse(value))).toBe('');
    const host = new Host();
    loadInto(host, name, value);
    expect(host.logs).toEqual([]);
  }
});

test('Envoy takes all of them', async () => {
  const entries = names.flatMap((name) => [documented(name), printed(name)]);
  const answer = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];
  const virtualHosts: Json[] = [{ name: 'all', domains: ['*'], routes: answer }];
  await using envoy = await TestEnvoy.start(() => ({
    clusters: [],
    listeners: entries.map((entry, index) =>
      httpListener({ name: `${entry.name} ${index}`, filters: [entry as unknown as Json], virtualHosts }),
    ),
  }));
  for (const [index, { name }] of entries.entries()) {
    const response = await fetch(`http://127.0.0.1:${await envoy.port(`${name} ${index}`)}/`);
    expect([name, response.status]).toEqual([name, 200]);
  }
});
