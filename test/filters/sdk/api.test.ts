import { globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { apiPage, exportedModules } from '../../../scripts/generate-sdk-api.ts';

const SDK = resolve(import.meta.dirname, '../../../filters/proxy-wasm-sdk');
const read = (path: string): string => readFileSync(join(SDK, path), 'utf8');

test('API.md is what the declarations say', () => {
  expect(read('API.md'), 'run: node scripts/generate-sdk-api.ts').toBe(apiPage());
});

test('all that the SDK exports has a contract', () => {
  const without = exportedModules().flatMap(({ path, declarations }) =>
    declarations.filter(({ doc }) => doc === '').map(({ name }) => `${path}: ${name}`),
  );
  expect(without).toEqual([]);
});

test('the README names something of each module, and each module of exports', () => {
  const readme = read('README.md');
  const named = (name: string): boolean => new RegExp(`\\b${name}\\b`).test(readme);
  const modules = exportedModules().filter(({ declarations }) => !declarations.some(({ name }) => named(name)));
  expect(modules.map(({ path }) => path)).toEqual([]);
  const callbacks = globSync('assembly/exports/*.ts', { cwd: SDK }).map((path) => basename(path, '.ts'));
  expect(callbacks.filter((name) => name !== 'vm' && !/-trailers$/.test(name) && !named(name))).toEqual([]);
});
