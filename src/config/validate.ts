/** One YAML document -> a resource of a known kind that its schema accepts, or problems. Pure. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Kind, Resource } from './kinds/kind.ts';
import { KINDS, REFUSED_KINDS } from './kinds/kinds.ts';
import { formatPath, type Path, type Problem, shown } from './problems.ts';
import type { YamlDocument } from './yaml.ts';

/** A document and what it is. */
export interface Accepted {
  readonly kind: Kind;
  readonly resource: Resource<unknown>;
  readonly document: YamlDocument;
}

/** Annotations of the schemas that the messages use. */
interface Annotated {
  readonly type?: string;
  readonly expected?: string;
  readonly names?: string;
  readonly properties?: Readonly<Record<string, Annotated>>;
  readonly refused?: Readonly<Record<string, string>>;
}

const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, validateFormats: false });
for (const keyword of ['expected', 'names', 'refused']) ajv.addKeyword(keyword);
const validators = new Map<Kind, ValidateFunction>(KINDS.map((kind) => [kind, ajv.compile(kind.schema)]));

/** @returns the resource, or at least one problem. */
export function validate(document: YamlDocument): Accepted | Problem[] {
  const header = findKind(document);
  if ('file' in header) return [header];
  const check = validators.get(header) as ValidateFunction;
  if (check(document.value)) return { kind: header, resource: document.value as Resource<unknown>, document };
  return explain(document, check.errors ?? []);
}

/** `kind` and `apiVersion` come first: without them nothing else can be judged. */
function findKind(document: YamlDocument): Kind | Problem {
  const { value } = document;
  const kinds = KINDS.map(({ name }) => name).join(', ');
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return problemAt(document, [], `the document is ${shown(value)}`, 'a resource: a map with apiVersion and kind');
  }
  const { kind: name, apiVersion } = value as { kind?: unknown; apiVersion?: unknown };
  if (name === undefined) return problemAt(document, [], 'kind is missing', `one of ${kinds}`);
  const kind = KINDS.find((candidate) => candidate.name === name);
  if (kind === undefined) {
    const known = REFUSED_KINDS.has(String(name));
    const what = known ? `kind ${name} is not supported by shunt` : `unknown kind ${shown(name)}`;
    return problemAt(document, ['kind'], what, `one of ${kinds}`);
  }
  const versions = kind.apiVersions.join(' or ');
  if (apiVersion === undefined)
    return problemAt(document, [], 'apiVersion is missing', `${versions} for a ${kind.name}`);
  if (!kind.apiVersions.includes(String(apiVersion))) {
    return problemAt(document, ['apiVersion'], `apiVersion is ${shown(apiVersion)}`, `${versions} for a ${kind.name}`);
  }
  return kind;
}

/** The validator's errors in the user's terms; one a place, because a second one about the same value adds nothing. */
function explain(document: YamlDocument, errors: readonly ErrorObject[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const error of errors) {
    const path = pathOf(error.instancePath, document.value);
    const schema = error.parentSchema as Annotated;
    let place = error.instancePath;
    let problem: Problem;
    if (error.keyword === 'additionalProperties') {
      const name = String(error.params.additionalProperty);
      place += `/${name}`;
      problem = unknownField(document, [...path, name], schema);
    } else if (error.keyword === 'required') {
      const name = String(error.params.missingProperty);
      place += `/${name}`;
      const expected = schema.properties?.[name]?.expected ?? 'it to be set';
      problem = problemAt(document, path, `${formatPath([...path, name])} is missing`, expected);
    } else {
      const { what, expected } = wrongValue(error, schema);
      problem = problemAt(document, path, `${formatPath(path)} ${what}`, expected);
    }
    if (!problems.has(place)) problems.set(place, problem);
  }
  return [...problems.values()];
}

function unknownField(document: YamlDocument, path: Path, schema: Annotated): Problem {
  const name = String(path.at(-1));
  const at = document.keyPosition(path);
  if (schema.names !== undefined) {
    return {
      file: document.file,
      ...at,
      what: `the name ${shown(name)} in ${formatPath(path.slice(0, -1))}`,
      expected: schema.names,
    };
  }
  const reason = Object.hasOwn(schema.refused ?? {}, name) ? `: ${schema.refused?.[name]}` : '';
  const known = Object.keys(schema.properties ?? {});
  const expected = known.length === 1 ? String(known[0]) : `one of ${known.join(', ')}`;
  return {
    file: document.file,
    ...at,
    what: `unknown field ${formatPath(path)}${reason}`,
    expected,
  };
}

function wrongValue(error: ErrorObject, schema: Annotated): { what: string; expected: string } {
  const expected = schema.expected ?? `a valid value (${error.message})`;
  if (error.keyword === 'uniqueItems') return { what: 'has two equal values', expected };
  if (error.keyword === 'minItems' || error.keyword === 'minProperties') return { what: 'is empty', expected };
  if (error.keyword === 'maxItems') return { what: `has ${(error.data as unknown[]).length} values`, expected };
  return { what: `is ${shown(error.data)}`, expected };
}

export function problemAt(document: YamlDocument, path: Path, what: string, expected: string): Problem {
  return { file: document.file, ...document.position(path), what, expected };
}

/** JSON pointer -> path, with numbers for the indices of lists. */
function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = [];
  let at = root;
  for (const encoded of pointer.split('/').slice(1)) {
    const name = encoded.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(at) ? Number(name) : name;
    path.push(step);
    at = (at as Record<string | number, unknown>)[step];
  }
  return path;
}
