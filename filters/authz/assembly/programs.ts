import { Bytes, BytesMap } from "proxy-wasm-sdk/assembly";
import { MethodNames } from "./methods";
import { Lane, Source } from "./policy";
import { knownOf, Program } from "./program";

/** Rules in all programs together; beyond it all are dropped and made again when they are asked for. About 20 MB. */
const MOST_RULES = 200_000;

/**
 * A program for each caller and lane of a destination that it talks to, made at the first request. Callers for whom the
 * same conditions are left share one.
 */
export class Programs {
  private byPair: StaticArray<Program | null>;
  private byKnown: BytesMap<Program>[] = [];
  private size: i32 = 0;

  constructor(private sources: i32, private lanes: i32) {
    this.byPair = new StaticArray<Program | null>(sources * lanes);
    this.forget();
  }

  /** `sourceIndex` and `laneIndex`: below what the constructor was told. */
  of(sourceIndex: i32, source: Source, laneIndex: i32, lane: Lane, names: MethodNames): Program {
    const known = unchecked(this.byPair[laneIndex * this.sources + sourceIndex]);
    return known !== null ? known : this.make(sourceIndex, source, laneIndex, lane, names);
  }

  private make(sourceIndex: i32, source: Source, laneIndex: i32, lane: Lane, names: MethodNames): Program {
    if (this.size > MOST_RULES) this.forget();
    const known = knownOf(source, lane);
    const programs = this.byKnown[laneIndex];
    const index = programs.find(Bytes.of(known));
    let program: Program;
    if (index >= 0) program = programs.valueAt(index);
    else {
      program = new Program(source, lane, names);
      programs.set(known, program);
      this.size += program.size + known.byteLength / 64;
    }
    this.byPair[laneIndex * this.sources + sourceIndex] = program;
    return program;
  }

  private forget(): void {
    this.byPair = new StaticArray<Program | null>(this.byPair.length);
    this.byKnown = [];
    for (let i = 0; i < this.lanes; i++) this.byKnown.push(new BytesMap<Program>());
    this.size = 0;
  }
}
