/** One field's type, read and write, as TypeScript text. */
import type { Btf, BtfType } from './btf.ts';
import { pascalCase } from './names.ts';

export interface FieldText {
  /** The type in the interface. */
  readonly type: string;
  /** An expression that reads from `view` at `offset`. */
  read(offset: string): string;
  /** A statement that checks and writes. `what` names the field in errors. */
  write(offset: string, value: string, what: string): string;
  /** Setter and getter as functions, for arrays of it. */
  readonly set: string;
  readonly get: string;
  /** Names that the text imports from codec.ts. */
  readonly uses: readonly string[];
}

interface Scalar {
  readonly name: string;
  readonly view: string;
  readonly type: 'number' | 'bigint';
}
const SCALARS: Readonly<Record<string, Scalar>> = {
  '1u': { name: 'U8', view: 'Uint8', type: 'number' },
  '1s': { name: 'I8', view: 'Int8', type: 'number' },
  '2u': { name: 'U16', view: 'Uint16', type: 'number' },
  '2s': { name: 'I16', view: 'Int16', type: 'number' },
  '4u': { name: 'U32', view: 'Uint32', type: 'number' },
  '4s': { name: 'I32', view: 'Int32', type: 'number' },
  '8u': { name: 'U64', view: 'BigUint64', type: 'bigint' },
  '8s': { name: 'I64', view: 'BigInt64', type: 'bigint' },
};

function scalarOf(type: BtfType): Scalar | undefined {
  if (type.kind !== 'INT' && type.kind !== 'ENUM' && type.kind !== 'ENUM64') return undefined;
  return SCALARS[`${type.size}${type.encoding === 'SIGNED' ? 's' : 'u'}`];
}

/** `u32`: the codec of a scalar map key or value; undefined for what is no scalar. */
export function scalarCodec(type: BtfType): string | undefined {
  return type.encoding === 'BOOL' ? undefined : scalarOf(type)?.name.toLowerCase();
}

export function isShuntStruct(type: BtfType): boolean {
  return type.kind === 'STRUCT' && type.name.startsWith('shunt_');
}

/** @throws Error for what has no mapping (bit fields, unions, pointers): abi.h must not contain it. */
export function fieldText(btf: Btf, typeId: number | undefined, where: string): FieldText {
  const type = btf.resolve(typeId);
  if (type.kind === 'ARRAY') return arrayText(btf, type, where);
  if (isShuntStruct(type)) return structText(pascalCase(type.name));
  if (type.encoding === 'BOOL') {
    return {
      type: 'boolean',
      read: (offset) => `view.getUint8(${offset}) !== 0`,
      write: (offset, value, what) => `setBool(view, ${offset}, ${value}, ${what});`,
      set: 'setBool',
      get: '(view, at) => view.getUint8(at) !== 0',
      uses: ['setBool'],
    };
  }
  const scalar = scalarOf(type);
  if (scalar === undefined) throw new Error(`${where}: ${type.kind} ${type.name} cannot be shared with user space`);
  return scalarText(scalar);
}

function scalarText(scalar: Scalar): FieldText {
  const order = scalar.view.endsWith('8') ? '' : ', true';
  return {
    type: scalar.type,
    read: (offset) => `view.get${scalar.view}(${offset}${order})`,
    write: (offset, value, what) => `set${scalar.name}(view, ${offset}, ${value}, ${what});`,
    set: `set${scalar.name}`,
    get: `(view, at) => view.get${scalar.view}(at${order})`,
    uses: [`set${scalar.name}`],
  };
}

function structText(name: string): FieldText {
  return {
    type: name,
    read: (offset) => `${name}.decode(view, ${offset})`,
    write: (offset, value) => `${name}.encode(${value}, view, ${offset});`,
    set: `(view, at, element) => ${name}.encode(element, view, at)`,
    get: `(view, at) => ${name}.decode(view, at)`,
    uses: [],
  };
}

function arrayText(btf: Btf, array: BtfType, where: string): FieldText {
  const element = btf.resolve(array.type_id);
  const count = array.nr_elems ?? 0;
  if (element.kind === 'INT' && element.name === 'char') return stringText(count);
  const stride = btf.sizeOf(array.type_id);
  const inner = fieldText(btf, array.type_id, where);
  const read = (offset: string): string => `getArray(view, ${offset}, ${count}, ${stride}, ${inner.get})`;
  return {
    type: `${inner.type}[]`,
    read,
    write: (offset, value, what) => `setArray(view, ${offset}, ${value}, ${count}, ${stride}, ${what}, ${inner.set});`,
    set: `(view, at, element, what) => setArray(view, at, element, ${count}, ${stride}, what, ${inner.set})`,
    get: `(view, at) => ${read('at')}`,
    uses: ['getArray', 'setArray', ...inner.uses],
  };
}

function stringText(size: number): FieldText {
  return {
    type: 'string',
    read: (offset) => `getString(view, ${offset}, ${size})`,
    write: (offset, value, what) => `setString(view, ${offset}, ${value}, ${size}, ${what});`,
    set: `(view, at, element, what) => setString(view, at, element, ${size}, what)`,
    get: `(view, at) => getString(view, at, ${size})`,
    uses: ['getString', 'setString'],
  };
}
