import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findProgram } from '../../../src/workload/program.ts';

const DIR = mkdtempSync(join(tmpdir(), 'shunt-program-'));
afterAll(() => rmSync(DIR, { recursive: true, force: true }));

function file(name: string, mode: number): string {
  const path = join(DIR, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, '');
  chmodSync(path, mode);
  return path;
}

test('a name is looked up in PATH, in order, and must be an executable file', () => {
  file('first/app', 0o644);
  mkdirSync(join(DIR, 'second/app'), { recursive: true });
  const found = file('third/app', 0o755);
  file('fourth/app', 0o755);
  const path = ['first', 'second', 'third', 'fourth'].map((name) => join(DIR, name)).join(':');
  expect(findProgram('app', '/', path)).toBe(found);
});

test('a name with a slash is taken from the working directory and not from PATH', () => {
  const program = file('here/run', 0o755);
  expect(findProgram('./run', join(DIR, 'here'), '')).toBe(program);
  expect(() => findProgram('here/run', '/', DIR)).toThrow('program "here/run": no executable file at /here/run');
});

test('what is not found is named together with where it was looked for', () => {
  expect(() => findProgram('no-such', '/', '/a:/b')).toThrow('program "no-such": not found in PATH (/a:/b)');
  expect(() => findProgram('', '/', DIR)).toThrow('not found in PATH');
});
