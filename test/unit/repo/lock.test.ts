import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

interface Locked {
  optionalDependencies?: Record<string, string>;
  hasInstallScript?: boolean;
}

const root = join(import.meta.dirname, '../../..');
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Locked>;
};

it('package-lock.json has every optional package, without which npm ci refuses it', () => {
  const absent = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  expect(absent).toEqual([]);
});

it('no package needs its install script but node, whose script the set-up runs, and koffi, which has a prebuilt addon', () => {
  const withScript = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript);
  expect(withScript).toEqual(['node_modules/koffi', 'node_modules/node']);
  expect(packages).toHaveProperty(['node_modules/@koromix/koffi-linux-x64']);
  expect(packages).toHaveProperty(['node_modules/@koromix/koffi-linux-arm64']);
});
