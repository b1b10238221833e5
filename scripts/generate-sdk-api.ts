/** Writes filters/proxy-wasm-sdk/API.md from the declarations that assembly/index.ts exports and the comments before them. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

const SDK = resolve(import.meta.dirname, '../filters/proxy-wasm-sdk');
const PAGE = join(SDK, 'API.md');

/** A declaration or a member of one. */
export interface Declared {
  readonly name: string;
  /** On one line, without its body. */
  readonly signature: string;
  /** Without the stars; '' where there is no comment. */
  readonly doc: string;
  readonly members: readonly Declared[];
}

export interface DocumentedModule {
  /** Path below assembly/, without its ending. */
  readonly path: string;
  readonly declarations: readonly Declared[];
}

/** What `import … from "proxy-wasm-sdk/assembly"` gives, module by module. */
export function exportedModules(): DocumentedModule[] {
  const index = readFileSync(join(SDK, 'assembly/index.ts'), 'utf8');
  return [...index.matchAll(/^export (\*|\{([^}]*)\}) from "\.\/(.*)";$/gm)].map(([, , names, path = '']) => {
    const wanted = names?.split(',').map((name) => name.trim());
    const all = declarationsOf(readFileSync(join(SDK, 'assembly', `${path}.ts`), 'utf8'));
    const declarations = all.filter((one) => wanted === undefined || wanted.includes(one.name));
    const missing = wanted?.filter((name) => !declarations.some((one) => one.name === name)) ?? [];
    if (missing.length > 0) throw new Error(`assembly/${path}.ts: no declaration of ${missing.join(', ')} was found`);
    return { path, declarations: declarations.filter(({ doc }) => !doc.includes('@internal')) };
  });
}

const DECLARATION = /^export (?:abstract )?(class|function|const enum|enum|const) (\w+)/;
const MEMBER = /^ {2}(?!private|protected|@|\/|\*|})(?:(?:static|readonly|abstract|get) )*(\w+)/;

function declarationsOf(text: string): Declared[] {
  const found: Declared[] = [];
  const lines = text.split('\n');
  let doc = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    if (/^\/\*\*/.test(line)) [doc, at] = commentAt(lines, at);
    const [, kind, name] = DECLARATION.exec(line) ?? [];
    if (name === undefined) {
      // decorators stand between a comment and what it is about
      if (!/^(\/\/ @ts-ignore|@|\/\*\*)/.test(line)) doc = '';
      continue;
    }
    const end = kind === 'function' || kind === 'const' ? at : lines.indexOf('}', at);
    const members = kind === 'class' || kind?.includes('enum') ? membersOf(lines.slice(at + 1, end)) : [];
    found.push({ name, signature: signatureAt(lines, at).replace(/^export /, ''), doc, members });
    doc = '';
    at = Math.max(at, end);
  }
  return found;
}

function membersOf(lines: readonly string[]): Declared[] {
  const found: Declared[] = [];
  let doc = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    if (/^ {2}\/\*\*/.test(line)) [doc, at] = commentAt(lines, at);
    const name = MEMBER.exec(line)?.[1];
    if (name === undefined) {
      if (!/^ {2}(\/\/ @ts-ignore|@|\/\*\*)/.test(line)) doc = '';
      continue;
    }
    if (!doc.includes('@internal')) found.push({ name, signature: signatureAt(lines, at), doc, members: [] });
    doc = '';
  }
  return found;
}

/** The text of a comment and the line that it ends in. */
function commentAt(lines: readonly string[], first: number): [doc: string, last: number] {
  let last = first;
  while (!(lines[last] as string).includes('*/')) last++;
  const text = lines
    .slice(first, last + 1)
    .map((line) => line.replace(/^\s*(\/\*\*|\*(?!\/))? ?/, '').replace(/ ?\*\/$/, ''));
  return [text.join(' ').trim(), last];
}

/** From the line to the end of its parameters. */
function signatureAt(lines: readonly string[], first: number): string {
  const count = (text: string, character: string): number => text.split(character).length - 1;
  let text = (lines[first] as string).trim();
  for (let at = first + 1; count(text, '(') > count(text, ')'); at++) {
    text += `${text.endsWith('(') ? '' : ' '}${(lines[at] as string).trim()}`;
  }
  return text
    .replace(/,?\s*\)(?=:)/, ')')
    .replace(/\s*\{.*$/, '')
    .replace(/ = new .*;$|[;,]$/, '')
    .replace(/private readonly |readonly |private /g, '');
}

/** The text of API.md. */
export function apiPage(): string {
  const modules = exportedModules().filter(({ declarations }) => declarations.length > 0);
  return `<!-- Generated from assembly/ by scripts/generate-sdk-api.ts; do not edit. -->

# What proxy-wasm-sdk/assembly exports

${modules.map(moduleText).join('\n')}
# What a filter exports

\`export * from "proxy-wasm-sdk/assembly/exports/NAME"\` for each of these that the filter uses.

${callbackLines().join('\n')}
`;
}

function moduleText({ path, declarations }: DocumentedModule): string {
  return `## ${path}\n\n${declarations.map(declarationText).join('\n')}`;
}

function declarationText({ signature, doc, members }: Declared): string {
  const lines = members.map((one) => `- \`${one.signature}\`${one.doc === '' ? '' : `: ${one.doc}`}\n`);
  return [`### \`${signature}\`\n\n`, doc === '' ? '' : `${doc}\n`, lines.length > 0 ? `\n${lines.join('')}` : ''].join(
    '',
  );
}

function callbackLines(): string[] {
  return globSync('assembly/exports/*.ts', { cwd: SDK })
    .sort()
    .filter((path) => basename(path) !== 'vm.ts')
    .map((path) => {
      const text = readFileSync(join(SDK, path), 'utf8');
      const names = [...text.matchAll(/^export function (\w+)/gm)].map(([, name]) => `\`${name}\``);
      const [doc] = text.startsWith('/**') ? commentAt(text.split('\n'), 0) : [''];
      return `- \`${basename(path, '.ts')}\`: ${names.join(', ')}.${doc === '' ? '' : ` ${doc}`}`;
    });
}

if (import.meta.main) writeFileSync(PAGE, apiPage());
