/** Objects, names and places of the kernel tests of src/bpf. All names end with the process id and are removed again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { removePins } from '../../../src/bpf/pins.ts';
import { cgroup2Mount } from '../../../src/instance.ts';

const here = import.meta.dirname;
const outDir = mkdtempSync(join(tmpdir(), 'shunt-test-bpf-'));
afterAll(() => rmSync(outDir, { recursive: true }));
const MULTIARCH = { x64: 'x86_64', arm64: 'aarch64' }[arch() as 'x64' | 'arm64'];

/** Compiles NAME.bpf.c and returns the object. @param defines For example `HASH_ENTRIES=5`: another object of one source. */
export function compile(name: string, ...defines: string[]): string {
  const object = join(outDir, [name, ...defines].join('-').concat('.o'));
  const include = `-I/usr/include/${MULTIARCH}-linux-gnu`;
  const flags = ['-target', 'bpf', '-O2', '-g', '-Wall', '-Werror', include, ...defines.map((d) => `-D${d}`)];
  execFileSync('clang', [...flags, '-c', join(here, `${name}.bpf.c`), '-o', object]);
  return object;
}

/** A fresh cgroup; disposing removes it. */
export function makeCgroup(name: string): Disposable & { path: string } {
  const path = join(cgroup2Mount(), `shunt-test-bpf-${name}-${process.pid}`);
  mkdirSync(path);
  return { path, [Symbol.dispose]: () => rmdirSync(path) };
}

/** A fresh directory on bpffs (not made yet); disposing removes it with all pins. */
export function makePinPath(name: string): Disposable & { path: string } {
  const path = `/sys/fs/bpf/shunt-test-bpf-${name}-${process.pid}`;
  return { path, [Symbol.dispose]: () => removePins(path) };
}

/** A fresh network namespace with `lo` up; disposing removes it. */
export function makeNetns(name: string): Disposable & { name: string; path: string } {
  const full = `shunt-test-bpf-${name}-${process.pid}`;
  execFileSync('ip', ['netns', 'add', full]);
  execFileSync('ip', ['-n', full, 'link', 'set', 'lo', 'up']);
  return {
    name: full,
    path: `/run/netns/${full}`,
    [Symbol.dispose]: () => void execFileSync('ip', ['netns', 'del', full]),
  };
}

/** Connects a UDP socket `times` times from a shell in the cgroup. True when all connects were allowed. */
export function connectFrom(cgroup: string, times = 1): boolean {
  const script = `echo $$ >"$1/cgroup.procs" && for ((i = 0; i < $2; i++)); do : >/dev/udp/127.0.0.1/9 || exit 1; done`;
  return spawnSync('bash', ['-c', script, 'bash', cgroup, `${times}`]).status === 0;
}
