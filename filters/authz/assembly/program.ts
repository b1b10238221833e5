import { Bytes } from "proxy-wasm-sdk/assembly";
import { Asked, Check, Checks } from "./checks";
import { PathTable } from "./pathtable";
import { PatternKind } from "./pattern";
import { Destination, Source, To } from "./policy";
import { MethodNames, MethodSet } from "./methods";

/** No policy matched. */
export const NO_RANK: i32 = i32.MAX_VALUE;

/** The rules that can match for one caller of one destination, by what is left to ask: method and path. */
export class Program {
  private always: Checks = new Checks();
  private present: Checks = new Checks();
  private exact: PathTable = new PathTable();
  private prefix: PathTable = new PathTable();
  private suffix: PathTable = new PathTable();
  /** Checks that were put in; what memory it costs. */
  size: i32 = 0;
  asksMethod: bool = false;
  asksPath: bool = false;

  static compile(destination: Destination, rules: ArrayBuffer, names: MethodNames): Program {
    const program = new Program();
    let index = 0;
    for (let rank = 0; rank < destination.policies.length; rank++) {
      const own = destination.policies[rank].rules;
      for (let k = 0; k < own.length; k++, index++) {
        if (load<u8>(changetype<usize>(rules) + index) == 0) continue;
        const to = own[k].to;
        if (to === null) program.always.add(new Check(rank, MethodSet.of(null, names), null));
        else for (let i = 0; i < to.length; i++) if (to[i].matchesPort(destination.port)) program.add(rank, to[i], names);
        program.size++;
      }
    }
    program.asksPath = program.present.length + program.exact.size + program.prefix.size + program.suffix.size > 0;
    program.asksMethod = program.always.asksMethod || program.present.asksMethod || program.exact.asksMethod ||
      program.prefix.asksMethod || program.suffix.asksMethod;
    return program;
  }

  private add(rank: i32, to: To, names: MethodNames): void {
    const methods = MethodSet.of(to.methods, names);
    const check = new Check(rank, methods, null);
    const paths = to.paths;
    if (paths === null) {
      this.always.add(check);
      return;
    }
    this.size += paths.patterns.length + paths.templates.length;
    for (let i = 0; i < paths.patterns.length; i++) {
      const pattern = paths.patterns[i];
      if (pattern.kind == PatternKind.Present) this.present.add(check);
      else if (pattern.kind == PatternKind.Exact) this.exact.add(pattern.text, check);
      else if (pattern.kind == PatternKind.Prefix) this.prefix.add(pattern.text, check);
      else this.suffix.add(pattern.text, check);
    }
    for (let i = 0; i < paths.templates.length; i++) {
      const template = paths.templates[i];
      this.prefix.add(template.prefix, new Check(rank, methods, template));
    }
  }

  /** The rank of the policy that decides, or NO_RANK. */
  run(asked: Asked): i32 {
    let best = this.always.lowest(NO_RANK, asked);
    const path = asked.path;
    if (path === null || path.length == 0) return best;
    best = this.present.lowest(best, asked);
    best = this.exact.lowestWhole(best, path, asked);
    best = this.prefix.lowestPrefix(best, path, asked);
    return this.suffix.lowestSuffix(best, path, asked);
  }
}

/** Which rules of the destination, counted through all its policies, this caller passes: one byte each. */
export function rulesFor(source: Source, destination: Destination): ArrayBuffer {
  const rules = new ArrayBuffer(destination.ruleCount);
  let index = 0;
  for (let rank = 0; rank < destination.policies.length; rank++) {
    const own = destination.policies[rank].rules;
    for (let k = 0; k < own.length; k++, index++) {
      if (own[k].comesFrom(source)) store<u8>(changetype<usize>(rules) + index, 1);
    }
  }
  return rules;
}
