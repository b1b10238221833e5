/** Another build of what scripts/build makes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../../..');

/**
 * The same sources by another compiler option: other instructions, so other tags, and the same behaviour. The
 * caller removes the folder. */
export function otherBuild(): string {
  const directory = mkdtempSync(join(tmpdir(), 'shunt-build-'));
  const include = `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  for (const name of ['capture', 'fastpath']) {
    const target = join(directory, `${name}.bpf.o`);
    const source = join(ROOT, 'bpf', `${name}.bpf.c`);
    const includes = ['-I', join(ROOT, 'bpf/include'), '-I', include];
    execFileSync('clang', ['-target', 'bpf', '-O2', '-g', '-mcpu=v3', ...includes, '-c', source, '-o', target]);
    execFileSync('llvm-strip', ['-g', target]);
  }
  return directory;
}
