import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');

/** The table "Layers" of docs/architecture.md: folder of src/ -> folders that it may import. */
function documentedLayers(): Map<string, string[]> {
  const layers = new Map<string, string[]>([['generated', ['bpf']]]);
  for (const line of readFileSync(join(root, 'docs/architecture.md'), 'utf8').split('\n')) {
    const [, layer, list] = /^src\/([a-z]+)\/ +-> (.*?)(?: {2,}|$)/.exec(line) ?? [];
    if (layer === undefined || list === undefined) continue;
    layers.set(layer, list === 'all above' ? [...layers.keys()] : list.split(', '));
  }
  return layers;
}

/** What biome reports about `files` (path -> text) under this repository's configuration, as `path:line rule`. */
function lint(files: Record<string, string>): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'shunt-layers-test-'));
  try {
    copyFileSync(join(root, 'biome.json'), join(directory, 'biome.json'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    const { stdout, stderr } = spawnSync(
      join(root, 'node_modules/.bin/biome'),
      ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none'],
      { cwd: directory, encoding: 'utf8' },
    );
    if (stdout === '') throw new Error(`biome said nothing: ${stderr}`);
    const report = JSON.parse(stdout) as {
      diagnostics: { category: string; location: { path: string; start: { line: number } } }[];
    };
    return report.diagnostics
      .map(({ category, location }) => `${location.path}:${location.start.line} ${category.split('/').at(-1)}`)
      .filter((diagnostic) => / (noRestrictedImports|noConsole)$/.test(diagnostic));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const layers = documentedLayers();
const folders = [...layers.keys()];
const linted = folders.filter((folder) => folder !== 'generated');

describe('the layers of docs/architecture.md', () => {
  it('name every folder of src/', () => {
    const inSource = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(inSource.map((entry) => entry.name).sort()).toEqual([...folders].sort());
  });

  it.each([
    ['in the folder itself', (layer: string) => `src/${layer}/planted.ts`, '../'],
    ['in a folder below it', (layer: string) => `src/${layer}/deep/planted.ts`, '../../'],
  ])('are what biome enforces, %s', (_where, path, up) => {
    const text = folders.map((folder) => `import type { T } from '${up}${folder}/x.ts';`).join('\n');
    const expected = linted.flatMap((layer) =>
      folders.flatMap((folder, index) =>
        folder === layer || layers.get(layer)?.includes(folder)
          ? []
          : `${path(layer)}:${index + 1} noRestrictedImports`,
      ),
    );
    expect(expected.length).toBeGreaterThan(50);
    expect(lint(Object.fromEntries(linted.map((layer) => [path(layer), text]))).sort()).toEqual(expected.sort());
  });

  it('let the supervisor import the shapes of the API and nothing else of it', () => {
    const text = "import type { T } from '../api/types.ts';\nimport { x } from '../api/server.ts';\n";
    expect(lint({ 'src/supervisor/planted.ts': text })).toEqual(['src/supervisor/planted.ts:2 noRestrictedImports']);
  });

  it('keep the files directly in src/ leaves, and refuse a folder that has no rule yet', () => {
    expect(
      lint({
        'src/planted.ts': "import { a } from './bpf/x.ts';\nimport { b } from './errors.ts';\n",
        'src/novel/planted.ts': "import { a } from '../bpf/x.ts';\nimport { b } from '../errors.ts';\n",
      }).sort(),
    ).toEqual(['src/novel/planted.ts:1 noRestrictedImports', 'src/planted.ts:1 noRestrictedImports']);
  });
});

/** The places where a planted line is accepted; it is planted in every folder of src/, in src/ itself, and elsewhere. */
function acceptedIn(line: string): string[] {
  const places = ['src', ...linted.map((layer) => `src/${layer}`), 'test/kernel', 'scripts', 'bench', 'examples/shop'];
  const found = lint(Object.fromEntries(places.map((place) => [`${place}/planted.ts`, `${line}\n`])));
  return places.filter((place) => !found.some((diagnostic) => diagnostic.startsWith(`${place}/planted.ts:1 `)));
}

const outside = ['test/kernel', 'scripts', 'bench', 'examples/shop'];

it('only src/bpf imports koffi, statically or not', () => {
  expect(acceptedIn("import koffi from 'koffi';")).toEqual(['src/bpf']);
  expect(acceptedIn("const koffi = await import('koffi');")).toEqual(['src/bpf']);
});

it('only src/workload, src/doctor and src/supervisor start processes', () => {
  expect(acceptedIn("import { spawn } from 'node:child_process';")).toEqual([
    'src/workload',
    'src/doctor',
    'src/supervisor',
    ...outside,
  ]);
});

it('only src/cli prints', () => {
  expect(acceptedIn("console.log('x');")).toEqual(['src/cli', ...outside]);
  const printers = /\bprocess\.(stdout|stderr|exit)\b|from '(node:)?process'/;
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const offenders = sources.filter(
    (file) =>
      file.endsWith('.ts') && !file.startsWith('cli/') && printers.test(readFileSync(join(root, 'src', file), 'utf8')),
  );
  expect(offenders).toEqual([]);
});
