/** BTF as `bpftool btf dump file OBJECT format raw -j` prints it, and questions about it. */

export interface BtfMember {
  readonly name: string;
  readonly type_id: number;
  readonly bits_offset: number;
  readonly bitfield_size?: number;
}

export interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly type_id?: number;
  readonly size?: number;
  readonly encoding?: string;
  readonly nr_elems?: number;
  readonly members?: readonly BtfMember[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
  readonly vars?: readonly { readonly type_id: number }[];
}

const QUALIFIERS = new Set(['TYPEDEF', 'CONST', 'VOLATILE', 'RESTRICT', 'TYPE_TAG']);
const POINTER_BYTES = 8;

/** One object's types. */
export class Btf {
  readonly object: string;
  readonly types: readonly BtfType[];
  readonly #byId: ReadonlyMap<number, BtfType>;

  /** @param object Its name, for messages. */
  constructor(object: string, types: readonly BtfType[]) {
    this.object = object;
    this.types = types;
    this.#byId = new Map(types.map((type) => [type.id, type]));
  }

  /** The type behind typedefs and qualifiers. */
  resolve(id: number | undefined): BtfType {
    let type = id === undefined ? undefined : this.#byId.get(id);
    while (type !== undefined && QUALIFIERS.has(type.kind)) {
      type = type.type_id === undefined ? undefined : this.#byId.get(type.type_id);
    }
    if (type === undefined) throw new Error(`${this.object}: BTF has no type ${id}`);
    return type;
  }

  sizeOf(id: number | undefined): number {
    const type = this.resolve(id);
    if (type.kind === 'PTR') return POINTER_BYTES;
    if (type.kind === 'ARRAY') return (type.nr_elems ?? 0) * this.sizeOf(type.type_id);
    if (type.size === undefined) throw new Error(`${this.object}: BTF type ${type.kind} ${type.name} has no size`);
    return type.size;
  }

  /** The definitions in section .maps: name and the members of the map's anonymous struct. */
  maps(): { name: string; members: ReadonlyMap<string, number> }[] {
    const section = this.types.find((type) => type.kind === 'DATASEC' && type.name === '.maps');
    return (section?.vars ?? []).map((variable) => {
      const declared = this.resolve(variable.type_id);
      const members = this.resolve(declared.type_id).members ?? [];
      return { name: declared.name, members: new Map(members.map((member) => [member.name, member.type_id])) };
    });
  }

  /** `__uint(name, 7)` is `int (*name)[7]`. Absent: 0. */
  uint(id: number | undefined): number {
    if (id === undefined) return 0;
    const array = this.resolve(this.resolve(id).type_id);
    if (array.kind !== 'ARRAY' || array.nr_elems === undefined) throw new Error(`${this.object}: not a __uint: ${id}`);
    return array.nr_elems;
  }
}
