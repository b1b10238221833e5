import { Asked, NEEDS_METHOD, NEEDS_PATH } from "./asked";
import { Check, Checks } from "./checks";
import { Attribute, Condition, Rest } from "./conditions";
import { MethodNames, MethodSet } from "./methods";
import { PathTable } from "./pathtable";
import { Pattern, PatternKind } from "./pattern";
import { Lane, Rule, Source } from "./policy";

/** No policy matched. */
export const NO_RANK: i32 = i32.MAX_VALUE;

/** The rules of a lane that can match for one caller, by what is left to ask: method, path, then the rest. */
export class Program {
  private always: Checks = new Checks();
  private present: Checks = new Checks();
  private exact: PathTable = new PathTable();
  private prefix: PathTable = new PathTable();
  private suffix: PathTable = new PathTable();
  /** Checks that were put in; what memory it costs. */
  size: i32 = 0;
  private needs: i32 = 0;

  constructor(source: Source, lane: Lane, names: MethodNames) {
    for (let rank = 0; rank < lane.policies.length; rank++) {
      const rules = lane.policies[rank].rules;
      for (let i = 0; i < rules.length; i++) this.addRule(rank, rules[i], source, lane, names);
    }
  }

  private addRule(rank: i32, rule: Rule, source: Source, lane: Lane, names: MethodNames): void {
    const when = unknown(rule.when, source, lane);
    const from = alternatives(rule.from, source, lane);
    const to = alternatives(rule.to, source, lane);
    if (when === null || from === null || to === null) return;
    for (let i = 0; i < to.length; i++) this.add(rank, to[i].concat(when), from, names);
    if (to.length == 0) this.add(rank, when, from, names);
  }

  private add(rank: i32, conditions: Condition[], from: Condition[][], names: MethodNames): void {
    let methods: Pattern[] | null = null;
    let paths: Pattern[] | null = null;
    const all: Condition[] = [];
    for (let i = 0; i < conditions.length; i++) {
      const condition = conditions[i];
      if (condition.attribute == Attribute.Method && !condition.negated) methods = condition.patterns;
      else if (condition.attribute == Attribute.Path && !condition.negated) paths = condition.patterns;
      else all.push(condition);
    }
    const set = MethodSet.of(methods, names);
    const rest = all.length + from.length > 0 ? new Rest(all, from) : null;
    this.size += 1 + all.length + from.length;
    if (!set.any) this.needs |= NEEDS_METHOD;
    const check = new Check(rank, set, rest, null);
    if (paths === null) {
      this.always.add(check);
      return;
    }
    this.needs |= NEEDS_PATH;
    this.size += paths.length;
    for (let i = 0; i < paths.length; i++) {
      const pattern = paths[i];
      const kind = pattern.kind;
      if (kind == PatternKind.Present) this.present.add(check);
      else if (kind == PatternKind.Exact) this.exact.add(pattern.text, check);
      else if (kind == PatternKind.Suffix) this.suffix.add(pattern.text, check);
      else this.prefix.add(pattern.text, kind == PatternKind.Prefix ? check : new Check(rank, set, rest, pattern));
    }
  }

  /** The rank of the policy that decides, or NO_RANK. */
  run(asked: Asked): i32 {
    asked.need(this.needs);
    let best = this.always.lowest(NO_RANK, asked);
    const path = asked.path;
    if (path === null || path.length == 0) return best;
    best = this.present.lowest(best, asked);
    best = this.exact.lowestWhole(best, path, asked);
    best = this.prefix.lowestPrefix(best, path, asked);
    return this.suffix.lowestSuffix(best, path, asked);
  }
}

/** The conditions that only a request tells; null where one of the others does not hold. */
function unknown(conditions: Condition[], source: Source, lane: Lane): Condition[] | null {
  const left: Condition[] = [];
  for (let i = 0; i < conditions.length; i++) {
    const known = conditions[i].known(source, lane);
    if (known == 0) return null;
    if (known < 0) left.push(conditions[i]);
  }
  return left;
}

/** As `unknown`, of each of them; empty where one holds in any case or none was given, null where none can hold. */
function alternatives(lists: Condition[][], source: Source, lane: Lane): Condition[][] | null {
  const left: Condition[][] = [];
  for (let i = 0; i < lists.length; i++) {
    const conditions = unknown(lists[i], source, lane);
    if (conditions === null) continue;
    if (conditions.length == 0) return [];
    left.push(conditions);
  }
  return left.length == 0 && lists.length > 0 ? null : left;
}

/** What `known` says of all conditions of a lane, a byte each: callers of whom it says the same share a program. */
export function knownOf(source: Source, lane: Lane): ArrayBuffer {
  const known: i8[] = [];
  for (let rank = 0; rank < lane.policies.length; rank++) {
    const rules = lane.policies[rank].rules;
    for (let i = 0; i < rules.length; i++) {
      for (let k = 0; k < rules[i].from.length; k++) addKnown(known, rules[i].from[k], source, lane);
      addKnown(known, rules[i].when, source, lane);
    }
  }
  return changetype<ArrayBuffer>(known.dataStart).slice(0, known.length);
}

function addKnown(known: i8[], conditions: Condition[], source: Source, lane: Lane): void {
  for (let i = 0; i < conditions.length; i++) known.push(<i8>conditions[i].known(source, lane));
}
