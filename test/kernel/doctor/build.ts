/** Builds of the fast path that are wrong on purpose, in a directory of their own. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Build, THIS_BUILD } from '../../../src/doctor/build.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The build with fastpath.bpf.o compiled with a macro defined. Dispose it. */
export function buildWith(define: string): Build & Disposable {
  const objects = mkdtempSync(join(tmpdir(), 'shunt-doctor-build-'));
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  const include = ['-Ibpf/include', `-I/usr/include/${machine}-linux-gnu`];
  const output = ['-c', 'bpf/fastpath.bpf.c', '-o', join(objects, 'fastpath.bpf.o')];
  execFileSync('clang', ['-target', 'bpf', '-O2', '-g', `-D${define}`, ...include, ...output], {
    cwd: root,
    stdio: 'pipe',
  });
  copyFileSync(join(THIS_BUILD.objects, 'capture.bpf.o'), join(objects, 'capture.bpf.o'));
  return { objects, native: THIS_BUILD.native, [Symbol.dispose]: () => rmSync(objects, { recursive: true }) };
}
