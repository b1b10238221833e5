import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { i32 } from '../../../src/bpf/codec.ts';
import { BpfMap } from '../../../src/bpf/map.ts';
import { BpfObject } from '../../../src/bpf/object.ts';
import { assertNoLeaks, openDescriptors } from '../../../src/bpf/registry.ts';
import { VerifierLog } from '../../../src/bpf/verifier.ts';
import type { ShuntError } from '../../../src/errors.ts';
import { definitions } from './definitions.ts';
import { compile, makePinPath } from './fixture.ts';

const basic = compile('basic');
const refused = compile('refused');

function errorOf(call: () => unknown): ShuntError {
  try {
    call();
  } catch (error) {
    return error as ShuntError;
  }
  throw new Error('nothing was thrown');
}

describe('an object that cannot be opened', () => {
  test('names the file and libbpf’s reason', () => {
    const error = errorOf(() => BpfObject.open('/absent.bpf.o'));
    expect(error.code).toBe('E_BPF_OPEN');
    expect(error.message).toMatch(/^open \/absent\.bpf\.o: no such file or directory \(ENOENT\): elf: failed to open/);
  });
  test('is not ELF', () => {
    expect(errorOf(() => BpfObject.open(import.meta.filename))).toMatchObject({ code: 'E_BPF_OPEN' });
    expect(openDescriptors()).toEqual([]);
  });
});

describe('a program that the verifier refuses', () => {
  test('is told by program, reason, line of C and instruction; the cause has the whole log', () => {
    using object = BpfObject.open(refused);
    const error = errorOf(() => object.load());
    expect(error.code).toBe('E_BPF_LOAD');
    expect(error.message).toMatch(
      /^load refused\.o, program unchecked: permission denied \(EACCES\): R0 invalid mem access 'map_value_or_null' at "return \*value & 1;.*" \(\d+: \(\w\w\) r\d = \*\(u64 \*\)\(r0 \+0\)\)$/,
    );
    expect(error.cause).toBeInstanceOf(VerifierLog);
    expect((error.cause as VerifierLog).log).toMatch(/processed \d+ insns/);
  });
  test('can be skipped, and the others load', () => {
    using object = BpfObject.open(refused, { skip: (name) => name === 'unchecked' }).load();
    expect(object.program('fine').tag).toMatch(/^[0-9a-f]{16}$/);
    expect(() => object.program('unchecked')).toThrow(/skipped it/);
  });
  test('leaves no pinned map', () => {
    using pins = makePinPath('refused');
    using object = BpfObject.open(refused, { mapPinDir: pins.path });
    expect(() => object.load()).toThrow();
    expect(readdirSync(pins.path)).toEqual([]);
  });
});

describe('pinned maps', () => {
  test('are reused by the next load, with their contents', () => {
    using pins = makePinPath('reuse');
    {
      using first = BpfObject.open(basic, { mapPinDir: pins.path }).load();
      first.map(definitions.numbers).set(7, 77n);
    }
    expect(readdirSync(pins.path).sort()).toEqual(['hits', 'numbers', 'ring', 'sockets', 'state']);
    using second = BpfObject.open(basic, { mapPinDir: pins.path }).load();
    expect(second.map(definitions.numbers).get(7)).toBe(77n);
    using alone = BpfMap.open(`${pins.path}/numbers`, definitions.numbers);
    alone.set(8, 88n);
    expect(second.map(definitions.numbers).get(8)).toBe(88n);
  });
  test('of another layout are E_ABI and name the map and the difference, before anything is loaded', () => {
    using pins = makePinPath('layout');
    BpfObject.open(basic, { mapPinDir: pins.path }).load()[Symbol.dispose]();
    const error = errorOf(() => BpfObject.open(compile('basic', 'HASH_ENTRIES=5'), { mapPinDir: pins.path }));
    expect(error.code).toBe('E_ABI');
    expect(error.message).toBe(
      `map numbers, pinned at ${pins.path}/numbers, has another layout: maxEntries is 20000, expected 5; run \`shunt down\` first`,
    );
  });
  test('are opened with the layout that they have only', () => {
    using pins = makePinPath('open');
    BpfObject.open(basic, { mapPinDir: pins.path }).load()[Symbol.dispose]();
    expect(
      errorOf(() => BpfMap.open(`${pins.path}/numbers`, { ...definitions.numbers, valueCodec: i32 })),
    ).toMatchObject({
      code: 'E_ABI',
      message: expect.stringContaining('valueSize is 8, expected 4'),
    });
    expect(errorOf(() => BpfMap.open(`${pins.path}/absent`, definitions.numbers))).toMatchObject({ code: 'E_BPF_PIN' });
    expect(openDescriptors()).toEqual([]);
  });
  test('outside bpffs are E_NEEDS, and nothing is made there', () => {
    const directory = `/tmp/shunt-test-bpf-${process.pid}/maps`;
    expect(errorOf(() => BpfObject.open(basic, { mapPinDir: directory }))).toMatchObject({ code: 'E_NEEDS' });
    expect(existsSync(dirname(directory))).toBe(false);
    expect(openDescriptors()).toEqual([]);
  });
});

describe('lifetimes', () => {
  test('what an object handed out is an error after it closed, not a crash', () => {
    const object = BpfObject.open(basic).load();
    const map = object.map(definitions.numbers);
    const program = object.program('allow');
    object[Symbol.dispose]();
    object[Symbol.dispose]();
    expect(() => map.get(1)).toThrow('map numbers was used after it was closed');
    expect(() => map.set(1, 1n)).toThrow('closed');
    expect(() => [...map.entries()]).toThrow('closed');
    expect(() => program.tag).toThrow('program allow was used after it was closed');
    expect(() => object.program('allow')).toThrow('was used after it was closed');
  });
  test('programs and maps are there only after load, and load is done once', () => {
    using object = BpfObject.open(basic);
    expect(() => object.map(definitions.numbers)).toThrow('is opened, expected loaded');
    object.load();
    expect(() => object.load()).toThrow('is loaded, expected opened');
    expect(() => object.program('absent')).toThrow(/^program absent: basic\.o has no such program \(has: allow, /);
  });
  test('an object that is not disposed is a leak with the line that opened it', () => {
    const object = BpfObject.open(basic);
    expect(assertNoLeaks).toThrow(/^1 BPF descriptors leaked:\n {2}object .*basic.*, opened at .*object\.test\.ts/);
    object[Symbol.dispose]();
  });
  test('no descriptor of the process is left after load, failed load, open and close', () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    using pins = makePinPath('fds');
    const round = (): void => {
      using object = BpfObject.open(basic, { mapPinDir: pins.path }).load();
      using map = BpfMap.open(`${pins.path}/numbers`, definitions.numbers);
      expect(map.fd).toBeGreaterThan(object.map(definitions.numbers).fd);
      using bad = BpfObject.open(refused);
      expect(() => bad.load()).toThrow();
    };
    round();
    const before = count();
    for (let i = 0; i < 5; i++) round();
    expect(count()).toBe(before);
  });
});
