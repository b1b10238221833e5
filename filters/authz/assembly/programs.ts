import { Bytes, BytesMap } from "proxy-wasm-sdk/assembly";
import { MethodNames } from "./methods";
import { Destination, Source } from "./policy";
import { Program, rulesFor } from "./program";

/** Rules in all programs together; beyond it all are dropped and made again when they are asked for. About 20 MB. */
const MOST_RULES = 200_000;

/**
 * A program for each caller and destination that talk to each other, made at their first request. Callers for whom the
 * same rules are left share one.
 */
export class Programs {
  private byPair: StaticArray<Program | null>;
  private byRules: BytesMap<Program>[] = [];
  private size: i32 = 0;

  constructor(private sources: i32, private destinations: i32) {
    this.byPair = new StaticArray<Program | null>(sources * destinations);
    this.forget();
  }

  find(source: i32, destination: i32): Program | null {
    return unchecked(this.byPair[destination * this.sources + source]);
  }

  make(sourceIndex: i32, source: Source, destinationIndex: i32, destination: Destination, names: MethodNames): Program {
    if (this.size > MOST_RULES) this.forget();
    const rules = rulesFor(source, destination);
    const known = this.byRules[destinationIndex];
    const index = known.find(Bytes.of(rules));
    let program: Program;
    if (index >= 0) program = known.valueAt(index);
    else {
      program = Program.compile(destination, rules, names);
      known.set(rules, program);
      this.size += program.size + rules.byteLength / 64;
    }
    this.byPair[destinationIndex * this.sources + sourceIndex] = program;
    return program;
  }

  private forget(): void {
    this.byPair = new StaticArray<Program | null>(this.byPair.length);
    this.byRules = [];
    for (let i = 0; i < this.destinations; i++) this.byRules.push(new BytesMap<Program>());
    this.size = 0;
  }
}
