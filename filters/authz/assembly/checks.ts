import { Asked } from "./asked";
import { Rest } from "./conditions";
import { MethodSet } from "./methods";
import { Pattern } from "./pattern";

/** What is left to ask once caller, port and a part of the path are known. */
export class Check {
  constructor(
    /** Place of its policy among the lane's: the lowest that matches decides. */
    readonly rank: i32,
    readonly methods: MethodSet,
    /** null: nothing. */
    readonly rest: Rest | null,
    /** What the path must match beyond the piece that it was found by; null: nothing. */
    readonly template: Pattern | null,
  ) {}
}

/** Checks of one key, by rising rank. What can never be the first to match is not kept, so a list stays short. */
export class Checks {
  private list: Check[] = [];
  /** Methods that a check without further conditions takes. */
  private covered: u64 = 0;

  add(check: Check): void {
    if (check.methods.exact && (check.methods.mask & ~this.covered) == 0) return;
    if (this.covered == u64.MAX_VALUE) return;
    if (check.template === null && check.rest === null) this.covered |= check.methods.mask;
    this.list.push(check);
  }

  get length(): i32 {
    return this.list.length;
  }

  /** The rank of the first that matches where that is lower than `best`, else `best`. */
  lowest(best: i32, asked: Asked): i32 {
    const list = this.list;
    for (let i = 0; i < list.length; i++) {
      const check = unchecked(list[i]);
      if (check.rank >= best) return best;
      if (!check.methods.matches(asked.methodBit, asked.method)) continue;
      const template = check.template;
      const path = asked.path;
      if (template !== null && (path === null || !template.matches(path))) continue;
      const rest = check.rest;
      if (rest === null || rest.holds(asked)) return check.rank;
    }
    return best;
  }
}
