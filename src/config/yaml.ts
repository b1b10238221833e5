/** Text -> YAML documents whose every value knows its place. Bounded in depth, size and expansion. Pure. */
import { Composer, type Document, Lexer, LineCounter, Parser } from 'yaml';
import type { Path, Problem } from './problems.ts';
import { convert, type Places } from './yaml-value.ts';

/** Deepest nesting of lists and maps; the deepest field of a resource is at 9. */
export const MAX_DEPTH = 32;

/** Most tokens of a file (a name, a colon, a line end …): the parser needs about 10 us for each, in the worst case. */
export const MAX_TOKENS = 100_000;

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One YAML document as plain values: maps have no prototype, so that a key `__proto__` is a key. */
export interface YamlDocument {
  readonly file: string;
  readonly value: unknown;
  /** Where the value at a path begins; of the nearest parent where there is none. */
  position(path: Path): Position;
  /** Where the key of the last step begins; as `position` for an index of a list. */
  keyPosition(path: Path): Position;
}

/** Reads all documents; empty ones are left out. A syntax error ends the file: what follows it cannot be trusted. */
export function parseYaml(file: string, text: string): { documents: YamlDocument[]; problems: Problem[] } {
  const lines = new LineCounter();
  const documents: YamlDocument[] = [];
  const problems: Problem[] = [];
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problem = (offset: number, what: string, expected: string): void => {
    problems.push({ file, ...positionAt(offset), what, expected });
  };
  try {
    for (const document of compose(text, lines)) {
      const fault = document.errors[0] ?? document.warnings[0];
      if (fault !== undefined) {
        const what = fault.code === 'NON_STRING_KEY' ? 'a key is no text' : fault.message.replaceAll('\n', ' ');
        problem(fault.pos[0], `YAML: ${what}`, 'valid YAML 1.2');
        break;
      }
      if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
        problem(document.range[0], `the directive %YAML ${document.directives.yaml.version}`, 'YAML 1.2');
        break;
      }
      const { value, places, faults } = convert(document);
      for (const fault of faults) problem(fault.offset, fault.what, fault.expected);
      if (faults.length === 0 && value !== null) documents.push(located(file, value, places, positionAt));
    }
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    problem(error.offset, error.message, error.expected);
  }
  return { documents, problems };
}

class TooMuch extends Error {
  readonly offset: number;
  readonly expected: string;
  constructor(offset: number, what: string, expected: string) {
    super(what);
    this.offset = offset;
    this.expected = expected;
  }
}

/**
 * The `yaml` package's own pipeline, spelled out for the check in the middle: its composer is recursive, and a megabyte
 * of `[` would overflow the stack.
 */
function* compose(text: string, lines: LineCounter): Generator<Document.Parsed> {
  const parser = new Parser(lines.addNewLine);
  // Its check for unique keys is quadratic; yaml-value.ts does it with a Set.
  const composer = new Composer({ uniqueKeys: false, stringKeys: true, prettyErrors: false, logLevel: 'silent' });
  lines.addNewLine(0);
  let tokens = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) yield* composer.next(token);
    const offset = parser.offset - lexeme.length;
    tokens += 1;
    // The first on the stack is the document.
    if (parser.stack.length > MAX_DEPTH + 1) {
      throw new TooMuch(offset, `nested more than ${MAX_DEPTH} levels deep`, 'lists and maps as in docs/resources.md');
    }
    if (tokens > MAX_TOKENS)
      throw new TooMuch(offset, `more than ${MAX_TOKENS} YAML tokens in the file`, 'fewer; split it');
  }
  for (const token of parser.end()) yield* composer.next(token);
  yield* composer.end(false, text.length);
}

function located(file: string, value: unknown, places: Places, positionAt: (offset: number) => Position): YamlDocument {
  const find = (path: Path, key: boolean): Position => {
    let offset = places.root;
    let at = value;
    for (const [depth, step] of path.entries()) {
      const place = typeof at === 'object' && at !== null ? places.of.get(at)?.get(step) : undefined;
      if (place === undefined) break;
      offset = key && depth === path.length - 1 ? place.key : place.value;
      at = (at as Record<string | number, unknown>)[step];
    }
    return positionAt(offset);
  };
  return { file, value, position: (path) => find(path, false), keyPosition: (path) => find(path, true) };
}
