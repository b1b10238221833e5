import { describe, expect, test } from 'vitest';
import { Btf, type BtfMember, type BtfType } from '../../../scripts/abi/btf.ts';
import { emitAbi } from '../../../scripts/abi/emit.ts';
import { camelCase, commonPrefix, pascalCase } from '../../../scripts/abi/names.ts';

const member = (name: string, type_id: number, byte: number): BtfMember => ({ name, type_id, bits_offset: byte * 8 });

const INT = { id: 1, kind: 'INT', name: 'int', size: 4, encoding: 'SIGNED' };
const U32 = { id: 2, kind: 'INT', name: 'unsigned int', size: 4, encoding: '(none)' };
const U64 = { id: 3, kind: 'INT', name: 'unsigned long long', size: 8, encoding: '(none)' };
const CHAR = { id: 4, kind: 'INT', name: 'char', size: 1, encoding: 'SIGNED' };
const COMM = { id: 5, kind: 'ARRAY', name: '(anon)', type_id: 4, nr_elems: 16 };
const INNER = { id: 6, kind: 'STRUCT', name: 'shunt_inner', size: 4, members: [member('port', 2, 0)] };
const TYPEDEF = { id: 7, kind: 'TYPEDEF', name: 'inner_t', type_id: 6 };
const OUTER = {
  id: 8,
  kind: 'STRUCT',
  name: 'shunt_outer',
  size: 32,
  members: [member('cgroup_id', 3, 0), member('comm', 5, 8), member('inner', 7, 24), member('reserved', 2, 28)],
};
const ENUM = {
  id: 9,
  kind: 'ENUM',
  name: 'shunt_event_kind',
  size: 4,
  encoding: 'UNSIGNED',
  values: [
    { name: 'SHUNT_EVENT_DENIED', val: 1 },
    { name: 'SHUNT_EVENT_DROPPED', val: 2 },
  ],
};
/** `__uint(type, 1); __uint(max_entries, 64); __type(key, __u32); __type(value, struct shunt_outer);` */
const MAP = [
  { id: 10, kind: 'ARRAY', name: '(anon)', type_id: 1, nr_elems: 1 },
  { id: 11, kind: 'PTR', name: '(anon)', type_id: 10 },
  { id: 12, kind: 'ARRAY', name: '(anon)', type_id: 1, nr_elems: 64 },
  { id: 13, kind: 'PTR', name: '(anon)', type_id: 12 },
  { id: 14, kind: 'PTR', name: '(anon)', type_id: 2 },
  { id: 15, kind: 'PTR', name: '(anon)', type_id: 8 },
  {
    id: 16,
    kind: 'STRUCT',
    name: '(anon)',
    size: 32,
    members: [member('type', 11, 0), member('max_entries', 13, 8), member('key', 14, 16), member('value', 15, 24)],
  },
  { id: 17, kind: 'VAR', name: 'by_port', type_id: 16 },
  { id: 18, kind: 'DATASEC', name: '.maps', vars: [{ type_id: 17 }] },
];
const TYPES: BtfType[] = [INT, U32, U64, CHAR, COMM, INNER, TYPEDEF, OUTER, ENUM, ...MAP];

/** The same types under other ids and in another order, as another compiler would write them. */
function renumbered(types: readonly BtfType[]): BtfType[] {
  const id = (old: number): number => 1000 - old;
  return types
    .map((type) => ({
      ...type,
      id: id(type.id),
      ...(type.type_id === undefined ? {} : { type_id: id(type.type_id) }),
      ...(type.members && { members: type.members.map((m) => ({ ...m, type_id: id(m.type_id) })) }),
      ...(type.vars && { vars: type.vars.map((v) => ({ type_id: id(v.type_id) })) }),
    }))
    .reverse();
}

describe('the generated text', () => {
  const text = emitAbi([new Btf('a.o', TYPES)]);

  test('is the same bytes whatever the order and the ids of the types', () => {
    expect(emitAbi([new Btf('b.o', renumbered(TYPES))])).toBe(text);
  });
  test('is the same bytes whatever the order of the objects, and says a shared type once', () => {
    const only = [new Btf('b.o', [INT, U32, INNER])];
    expect(emitAbi([new Btf('a.o', TYPES), ...only])).toBe(text);
    expect(emitAbi([...only, new Btf('a.o', TYPES)])).toBe(text);
  });
  test('has an interface with camelCase fields, without padding', () => {
    expect(text).toContain('export interface Outer {\n  cgroupId: bigint;\n  comm: string;\n  inner: Inner;\n}\n');
    expect(text).toContain("    setU32(view, o + 28, 0, 'Outer.reserved');\n");
  });
  test('has enums without their common prefix', () => {
    expect(text).toContain('export const EventKind = {\n  DENIED: 1,\n  DROPPED: 2,\n} as const;\n');
  });
  test('has the maps with codecs and sizes', () => {
    expect(text).toContain(`  byPort: {
    name: 'by_port',
    type: 'HASH',
    keyCodec: u32,
    valueCodec: Outer,
    maxEntries: 64,
  } satisfies MapDefinition<number, Outer>,
`);
  });
  test('imports what it uses and nothing else', () => {
    const imported = /import \{\n([\s\S]*?)\}/
      .exec(text)?.[1]
      ?.split('\n')
      .map((line) => line.trim().replace(',', ''));
    expect(imported).toEqual([
      'getString',
      'setString',
      'setU32',
      'setU64',
      'u32',
      'type MapDefinition',
      'type StructCodec',
      '',
    ]);
  });
});

describe('the generator refuses', () => {
  const broken = (change: BtfType): BtfType[] => TYPES.map((type) => (type.id === change.id ? change : type));

  test('two objects that disagree about a struct, and names both', () => {
    const other = broken({ ...INNER, size: 8, members: [member('port', 3, 0)] });
    expect(() => emitAbi([new Btf('a.o', TYPES), new Btf('b.o', other)])).toThrow(
      'Inner is one thing in a.o and another in b.o',
    );
  });
  test('a bit field', () => {
    const bits = broken({ ...INNER, members: [{ name: 'flag', type_id: 2, bits_offset: 0, bitfield_size: 1 }] });
    expect(() => emitAbi([new Btf('a.o', bits)])).toThrow('struct shunt_inner, field flag: a bit field');
  });
  test('a pointer', () => {
    const pointer = broken({ ...INNER, members: [member('next', 11, 0)] });
    expect(() => emitAbi([new Btf('a.o', pointer)])).toThrow('cannot be shared with user space');
  });
});

describe('names', () => {
  test('of C become names of TypeScript', () => {
    expect(camelCase('remote_ip_be')).toBe('remoteIpBe');
    expect(pascalCase('shunt_flow_key')).toBe('FlowKey');
    expect(pascalCase('other_key')).toBe('OtherKey');
  });
  test('of constants keep words that only some share, and never become empty', () => {
    expect(commonPrefix('shunt_outcome', ['SHUNT_OUTCOME_READER_A', 'SHUNT_OUTCOME_READER_B'])).toBe('SHUNT_OUTCOME_');
    expect(commonPrefix('shunt_verdict', ['SHUNT_VERDICT_ALLOW'])).toBe('SHUNT_VERDICT_');
    expect(commonPrefix('shunt_x', ['SHUNT_X'])).toBe('SHUNT_');
    expect(commonPrefix('shunt_x', ['OTHER_A', 'OTHER_B'])).toBe('');
  });
});
