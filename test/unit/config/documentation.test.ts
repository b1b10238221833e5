import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { resourcesPage } from '../../../scripts/generate-resources-docs.ts';
import { KINDS } from '../../../src/config/kinds/kinds.ts';
import { parseResources } from '../../../src/config/load.ts';

const page = readFileSync(join(resolve(import.meta.dirname, '../../..'), 'docs/resources.md'), 'utf8');
const examples = [...page.matchAll(/```yaml\n([^`]*)```/g)].map(([, text = '']) => text);

test('docs/resources.md is what the schemas say', () => {
  expect(page, 'run: node scripts/generate-resources-docs.ts').toBe(resourcesPage());
});

/** Stands for the module that the example names. */
const MODULE = {
  bytes: new Uint8Array(),
  sha256: /sha256: ([0-9a-f]{64})/.exec(page)?.[1] ?? '',
};

test('the examples of the page are accepted together, one of each kind', () => {
  expect(examples).toHaveLength(KINDS.length);
  const model = parseResources(
    [{ file: 'docs/resources.md', text: Buffer.from(examples.join('---\n')) }],
    () => MODULE,
  );
  expect(model.mesh.network.workloadCidr).toBe('10.77.0.0/24');
  expect([model.workloads, model.services, model.policies, model.plugins].map((list) => list.length)).toEqual([
    1, 1, 1, 1,
  ]);
});

test('the examples use every field that the page has a row for', () => {
  const rows = [...page.matchAll(/^\| `(spec[^`]*)`/gm)].map(([, path = '']) => path);
  expect(rows.length).toBeGreaterThan(30);
  const unused = rows.filter((path) => {
    const field = path.split('.').at(-1)?.replace('[]', '');
    return !new RegExp(`^[- ]*${field}:`, 'm').test(examples.join('\n'));
  });
  expect(unused).toEqual([]);
});
