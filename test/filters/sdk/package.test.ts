import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Host, loadFilter } from 'proxy-wasm-sdk/testing/index.ts';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const SDK = join(ROOT, 'filters/proxy-wasm-sdk');

test('the filter of the README compiles as written there, is small, and does what it says', () => {
  const readme = readFileSync(join(SDK, 'README.md'), 'utf8');
  const [, filter = ''] = /```ts\n(\/\/ assembly.*?)```/s.exec(readme) ?? [];
  const dir = mkdtempSync(join(tmpdir(), 'proxy-wasm-sdk-'));
  try {
    writeFileSync(join(dir, 'index.ts'), filter);
    const asc = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
    const options = ['--config', join(SDK, 'asconfig.json'), '--path', join(ROOT, 'node_modules')];
    execFileSync(process.execPath, [asc, join(dir, 'index.ts'), ...options, '--outFile', join(dir, 'keys.wasm')], {
      cwd: ROOT,
      stdio: 'pipe',
    });
    const module = loadFilter(join(dir, 'keys.wasm'));
    expect(module.sizeBytes).toBeLessThan(20_000);

    const host = new Host({ workers: 2 });
    const plugin = host.load({ module, configuration: '{"keys":["secret"]}' });
    using stream = plugin.http({ worker: 1 });
    expect(stream.requestHeaders([['x-api-key', 'secret']])).toBe('continue');
    using other = plugin.http();
    expect(other.requestHeaders([])).toBe('pause');
    expect(other.reply?.status).toBe(401);
    expect(host.metrics.value('keys.refused')).toBe(1n);
    expect(() => host.load({ module, configuration: '{"keys":[1]}' })).toThrow(
      'keys: 1:10: keys[0]: expected a string',
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('npm pack takes what a user needs and nothing else', () => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json'], {
    cwd: SDK,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [packed] = JSON.parse(output) as { files: { path: string }[] }[];
  const paths = packed?.files.map(({ path }) => path) ?? [];
  expect(paths).toContain('assembly/index.ts');
  expect(paths).toContain('assembly/exports/base.ts');
  expect(paths).toContain('testing/index.ts');
  expect(paths).toContain('asconfig.json');
  expect(paths).toContain('API.md');
  const expected =
    /^(assembly|testing)\/[a-z0-9/-]+(\.d)?\.ts$|^(asconfig\.json|package\.json|API\.md|README\.md|CHANGELOG\.md|LICENSE)$/;
  expect(paths.filter((path) => !expected.test(path))).toEqual([]);
});
