import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { tryLock } from '../../../src/bpf/flock.ts';

const directory = mkdtempSync(join(tmpdir(), 'shunt-flock-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('only one holds a lock, and the next gets it after release', () => {
  const path = join(directory, 'one');
  const first = tryLock(path);
  expect(first).toBeDefined();
  expect(tryLock(path)).toBeUndefined();
  first?.[Symbol.dispose]();
  first?.[Symbol.dispose]();
  using second = tryLock(path);
  expect(second).toBeDefined();
});

test('the lock file is readable by its owner alone', () => {
  const path = join(directory, 'mode');
  using lock = tryLock(path);
  expect(lock).toBeDefined();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a directory that is absent is an error, not a lock held by another', () => {
  expect(() => tryLock(join(directory, 'absent', 'lock'))).toThrow(/^open lock file .*ENOENT/);
});
