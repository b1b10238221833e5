/** What the result of a test file depends on: a result of other inputs is stale. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { DOCTOR, type InputsNow, type Origin } from './result.ts';

/** Folders of the tier whose tests load nothing of bpf/, and what they test instead. */
const TESTED: Readonly<Record<string, string>> = { bpf: 'src/bpf/*.ts', workload: 'src/workload/*.ts' };
const BPF = 'bpf/**/*.{c,h}';
const DIAGNOSED = ['bpf/**/*.{c,h}', 'src/doctor/**/*.ts'];

/**
 * Of the checkout as it is at the first call for a file: the file itself, modules beside it that no other test file
 * imports, the programs that it runs, and the sources that it tests, by content. Neither what they import nor the tests'
 * own support, of which native/ is a part.
 */
export function inputsOf(root: string): InputsNow {
  const known = new Map<string, string>();
  const tier = join(root, 'test/kernel');
  return (file) => {
    const hash = known.get(file) ?? hashOf(root, file === DOCTOR ? DIAGNOSED : [...ofTest(tier, file)]);
    known.set(file, hash);
    return hash;
  };
}

function ofTest(tier: string, file: string): string[] {
  const folder = dirname(file);
  const own = [file, ...onlyFor(tier, file), ...programsOf(tier, file)];
  return [TESTED[folder] ?? BPF, ...own.map((path) => join('test/kernel', path))];
}

/** A test names its programs by their path from its own folder. */
function programsOf(tier: string, file: string): string[] {
  const path = join(tier, file);
  if (!existsSync(path)) return [];
  const names = [...readFileSync(path, 'utf8').matchAll(/'(programs\/[^']+)'/g)];
  return names.map(([, name]) => join(dirname(file), name as string));
}

function onlyFor(tier: string, file: string): string[] {
  const folder = dirname(file);
  const others = globSync('*/*.test.ts', { cwd: tier }).filter((other) => other !== file);
  const theirs = new Set(others.flatMap((other) => importedBy(tier, other)));
  return importedBy(tier, file).filter((path) => dirname(path) === folder && !theirs.has(path));
}

function importedBy(tier: string, file: string): string[] {
  const path = join(tier, file);
  if (!existsSync(path)) return [];
  const imports = [...readFileSync(path, 'utf8').matchAll(/ from '(\.[^']+)'/g)];
  return imports.map(([, module]) => relative(tier, join(dirname(path), module as string)));
}

function hashOf(root: string, patterns: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of globSync(patterns, { cwd: root }).sort()) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

/** What may change what a test finds. */
const SOURCES = ['bpf', 'native', 'src', 'test/kernel', 'test/support'];

export function originOf(root: string): Omit<Origin, 'inputs'> {
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', ...SOURCES) !== '';
  return {
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`,
    date: new Date().toISOString().slice(0, 10),
  };
}
