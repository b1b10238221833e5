import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inputsOf } from '../../../scripts/kernels/inputs.ts';
import { DOCTOR } from '../../../scripts/kernels/result.ts';

let root: string;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Which of the tests have other inputs after a file was written. */
function changedBy(path: string): string[] {
  const all = ['fastpath/a.test.ts', 'fastpath/b.test.ts', 'workload/c.test.ts', DOCTOR];
  const before = inputsOf(root);
  const old = all.map(before);
  write(path, 'changed');
  const after = inputsOf(root);
  return all.filter((file, i) => after(file) !== old[i]);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'shunt-kernel-inputs-'));
  write('test/kernel/fastpath/a.test.ts', "import { CASES } from './cases.ts';\nimport { both } from './both.ts';\n");
  write('test/kernel/fastpath/b.test.ts', "import { both } from './both.ts';\n");
  write('test/kernel/workload/c.test.ts', '');
  for (const path of [
    'test/kernel/fastpath/cases.ts',
    'bpf/include/abi.h',
    'src/workload/net.ts',
    'src/doctor/peer.ts',
  ]) {
    write(path, 'as it was');
  }
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

test('a result depends on its own file and on modules beside it that only it imports', () => {
  expect(changedBy('test/kernel/fastpath/a.test.ts')).toEqual(['fastpath/a.test.ts']);
  write('test/kernel/fastpath/a.test.ts', "import { CASES } from './cases.ts';\n");
  expect(changedBy('test/kernel/fastpath/cases.ts')).toEqual(['fastpath/a.test.ts']);
  expect(changedBy('test/kernel/fastpath/both.ts')).toEqual(['fastpath/b.test.ts']);
});

test('a result depends on the programs that it names', () => {
  write('test/kernel/fastpath/b.test.ts', "const PROGRAM = join(import.meta.dirname, 'programs/flood.py');\n");
  expect(changedBy('test/kernel/fastpath/programs/flood.py')).toEqual(['fastpath/b.test.ts']);
});

test('a result depends on bpf/, and where nothing of it is loaded on what is tested', () => {
  expect(changedBy('bpf/include/abi.h')).toEqual(['fastpath/a.test.ts', 'fastpath/b.test.ts', DOCTOR]);
  expect(changedBy('src/workload/net.ts')).toEqual(['workload/c.test.ts']);
  expect(changedBy('src/doctor/peer.ts')).toEqual([DOCTOR]);
});

test('support that several files import makes none of them stale', () => {
  write('test/kernel/fastpath/both.ts', '');
  expect(changedBy('test/kernel/fastpath/both.ts')).toEqual([]);
});
