/** What a value of a JSON text is. */
export enum JsonKind {
  Null = 0,
  False = 1,
  True = 2,
  Number = 3,
  String = 4,
  Array = 5,
  Object = 6,
}

const FIELDS = 4;

/**
 * Where a JSON text's values are: four numbers each, in order of the text, children right behind their parent. An object's
 * children are key, value, key, value. Nothing is decoded before it is asked for.
 */
export class Tape {
  private words: u32[] = [];

  get length(): i32 {
    return this.words.length / FIELDS;
  }

  /** A new node at the end; `close` says where it ends. */
  open(kind: JsonKind, start: i32): i32 {
    const node = this.length;
    this.words.push(kind);
    this.words.push(start);
    this.words.push(start);
    this.words.push(0);
    return node;
  }

  /** `end`: offset behind its last character. What was opened since lies inside. */
  close(node: i32, end: i32): void {
    this.words[node * FIELDS + 2] = end;
    this.words[node * FIELDS + 3] = this.length;
  }

  kind(node: i32): JsonKind {
    return <JsonKind>this.words[node * FIELDS];
  }
  start(node: i32): i32 {
    return this.words[node * FIELDS + 1];
  }
  end(node: i32): i32 {
    return this.words[node * FIELDS + 2];
  }
  /** The node behind this one and all that it holds. */
  next(node: i32): i32 {
    return this.words[node * FIELDS + 3];
  }
}
