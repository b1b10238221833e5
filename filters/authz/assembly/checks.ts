import { allocate, Bytes } from "proxy-wasm-sdk/assembly";
import { MethodNames, MethodSet } from "./methods";
import { Template } from "./template";

/** What is left to ask once caller, port and a part of the path are known. */
export class Check {
  constructor(
    /** Place of its policy among the destination's: the lowest that matches decides. */
    readonly rank: i32,
    readonly methods: MethodSet,
    readonly template: Template | null,
  ) {}
}

/** A request, as far as checks look at it. */
@unmanaged
export class Asked {
  method: Bytes | null = null;
  methodBit: u64 = 0;
  /** Without query; null where there is none. */
  path: Bytes | null = null;

  /** In memory of this callback. */
  static empty(): Asked {
    const asked = changetype<Asked>(allocate(offsetof<Asked>()));
    asked.method = null;
    asked.methodBit = 0;
    asked.path = null;
    return asked;
  }

  setMethod(method: Bytes | null, names: MethodNames): void {
    this.method = method;
    if (method !== null) this.methodBit = names.bitOf(method);
  }
}

/** Checks of one key, by rising rank. What can never be the first to match is not kept, so a list stays short. */
export class Checks {
  private list: Check[] = [];
  /** Methods that a check without further conditions takes. */
  private covered: u64 = 0;

  add(check: Check): void {
    if (check.methods.exact && (check.methods.mask & ~this.covered) == 0) return;
    if (this.covered == u64.MAX_VALUE) return;
    if (check.template === null) this.covered |= check.methods.mask;
    this.list.push(check);
  }

  get length(): i32 {
    return this.list.length;
  }

  get asksMethod(): bool {
    for (let i = 0; i < this.list.length; i++) if (!this.list[i].methods.any) return true;
    return false;
  }

  /** The rank of the first that matches where that is lower than `best`, else `best`. */
  lowest(best: i32, asked: Asked): i32 {
    const list = this.list;
    for (let i = 0; i < list.length; i++) {
      const check = unchecked(list[i]);
      if (check.rank >= best) return best;
      if (!check.methods.matches(asked.methodBit, asked.method)) continue;
      const template = check.template;
      if (template === null) return check.rank;
      const path = asked.path;
      if (path !== null && template.matches(path)) return check.rank;
    }
    return best;
  }
}
