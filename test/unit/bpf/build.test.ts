import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
let copy: string;

/** A project with one BPF program, and nothing else to build. */
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'shunt-build-'));
  for (const path of ['package.json', 'scripts/build', 'scripts/abi', 'scripts/generate-abi.ts', 'bpf/include/abi.h']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  for (const path of ['src/bpf/map-type.ts', 'src/errors.ts']) cpSync(join(root, path), join(copy, path));
  mkdirSync(join(copy, 'src/generated'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(join(copy, 'bpf/a.bpf.c'), program('first'));
});
afterEach(() => rmSync(copy, { recursive: true }));

function program(map: string): string {
  return `#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct shunt_settings);
} ${map} SEC(".maps");
SEC("tc") int run(struct __sk_buff *skb) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`;
}

/** What the build said: a line for each thing that it built. */
function build(): string[] {
  return execFileSync(join(copy, 'scripts/build'), { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '');
}
const abi = (): string => readFileSync(join(copy, 'src/generated/abi.ts'), 'utf8');

test('builds everything once, then nothing', () => {
  expect(build()).toEqual(['build: build/bpf/a.bpf.o', 'build: build/abi.o']);
  const first = abi();
  expect(first).toContain("name: 'first'");
  expect(build()).toEqual([]);
  expect(abi()).toBe(first);
});

test('describes every struct and enum of abi.h, also those that no program uses', () => {
  build();
  const header = readFileSync(join(copy, 'bpf/include/abi.h'), 'utf8');
  const names = [...header.matchAll(/^(?:struct|enum) (shunt_\w+) \{/gm)].map((match) => match[1]);
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) expect(abi()).toMatch(new RegExp(`^/\\*\\* (struct|enum) ${name}[,.]`, 'm'));
});

test('builds again what a changed source or header touches', () => {
  build();
  writeFileSync(join(copy, 'bpf/a.bpf.c'), program('second'));
  expect(build()).toEqual(['build: build/bpf/a.bpf.o']);
  expect(abi()).toContain("name: 'second'");
  appendFileSync(join(copy, 'bpf/include/abi.h'), 'struct shunt_new { __u32 field; };\n'.replace(' {', ' {\n'));
  expect(build()).toEqual(['build: build/bpf/a.bpf.o', 'build: build/abi.o']);
  expect(abi()).toContain('export interface New {');
});

test('forgets the object and the maps of a source that is gone', () => {
  writeFileSync(join(copy, 'bpf/b.bpf.c'), program('other'));
  build();
  expect(abi()).toContain("name: 'other'");
  rmSync(join(copy, 'bpf/b.bpf.c'));
  build();
  expect(existsSync(join(copy, 'build/bpf/b.bpf.o'))).toBe(false);
  expect(abi()).not.toContain("name: 'other'");
});

test('restores the generated file when it was edited or deleted', () => {
  build();
  const good = abi();
  appendFileSync(join(copy, 'src/generated/abi.ts'), '// edited\n');
  build();
  expect(abi()).toBe(good);
  rmSync(join(copy, 'src/generated/abi.ts'));
  build();
  expect(abi()).toBe(good);
});

test('names the file that does not compile, and leaves no object of it', () => {
  writeFileSync(join(copy, 'bpf/b.bpf.c'), 'int broken(\n');
  const { status, stderr } = spawnSync(join(copy, 'scripts/build'), { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr.trim().split('\n').at(-1)).toBe('build: bpf/b.bpf.c does not compile');
  expect(existsSync(join(copy, 'build/bpf/b.bpf.o'))).toBe(false);
});
