/** The fast path with something left out, to see that a test finds what it is for. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** @param define One of the SHUNT_TEST_* of bpf/. Dispose it: the object is gone. */
export function compileFastPath(define: string): Disposable & { readonly path: string } {
  using undo = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'shunt-fastpath-'));
  undo.defer(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'fastpath.bpf.o');
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  const include = ['-Ibpf/include', `-I/usr/include/${machine}-linux-gnu`];
  execFileSync('clang', ['-target', 'bpf', '-O2', '-g', define, ...include, '-c', 'bpf/fastpath.bpf.c', '-o', path], {
    cwd: ROOT,
    stdio: 'pipe',
  });
  const kept = undo.move();
  return { path, [Symbol.dispose]: () => kept.dispose() };
}
