import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parseTestArguments } from '../../../scripts/test-totals.ts';
import { program } from '../../../src/cli/program.ts';

const root = join(import.meta.dirname, '../../..');
const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort();
const read = (document: string): string => readFileSync(join(root, document), 'utf8');

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** The lines of all fenced `sh` blocks, without their comments. */
function commands(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.replace(/ +#.*$/, '').trim())
    .filter((line) => line !== '');
}

function checkShunt(words: string[]): void {
  let found: Command = program;
  let args = words;
  while (found.commands.length > 0 && args[0] !== undefined && !args[0].startsWith('-')) {
    const next: Command | undefined = found.commands.find((command) => command.name() === args[0]);
    if (next === undefined) throw new Error(`shunt has no command ${args[0]}`);
    found = next;
    args = args.slice(1);
  }
  const name = found.name();
  const known = [...found.options, ...program.options].flatMap(({ short, long }) => [short, long]);
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  for (const arg of args.slice(0, end)) {
    if (arg.startsWith('-') && !known.includes(arg)) throw new Error(`shunt ${name} has no option ${arg}`);
  }
}

function checkNpm(words: string[]): void {
  const [verb = '', ...rest] = words;
  const script = verb === 'run' ? rest[0] : verb;
  if (script === undefined || !(script in scripts)) throw new Error(`package.json has no script ${script}`);
  const args = rest.slice(rest.indexOf('--') + 1);
  if (script === 'bench' && !existsSync(join(root, `bench/${args[0]}.ts`))) throw new Error(`no benchmark ${args[0]}`);
  if (script === 'test' && rest.includes('--') && parseTestArguments(args).tiers.length === 4) {
    throw new Error('names no tier');
  }
}

/** @throws Error when the command is none of this project's, or is not as the project has it. */
function check(command: string): void {
  const [name = '', ...words] = command.replace(/^(?:[A-Z_]+=\S+\s+)+/, '').split(/\s+/);
  if (name === 'npm') checkNpm(words);
  else if (name === 'shunt') checkShunt(words);
  else if (name === 'apt-get') expect(words.slice(0, 2)).toEqual(['install', '--yes']);
  else if (!existsSync(join(root, name))) throw new Error(`no such program: ${name}`);
}

describe.each(['README.md', 'CONTRIBUTING.md'])('%s', (document) => {
  it.each(commands(read(document)))('has the command as the project has it: %s', (command) => {
    expect(() => check(command)).not.toThrow();
  });
});

it('README.md shows every command of shunt', () => {
  const shown = new Set(commands(read('README.md')).map((command) => /^shunt ([a-z]+)/.exec(command)?.[1]));
  const hidden = new Set(['supervise', 'help']);
  expect(
    program.commands.map((command) => command.name()).filter((name) => !shown.has(name) && !hidden.has(name)),
  ).toEqual([]);
});

it('finds what a document has wrong', () => {
  expect(() => check('shunt fly')).toThrow('no command fly');
  expect(() => check('shunt up --now')).toThrow('no option --now');
  expect(() => check('npm run polish')).toThrow('no script polish');
  expect(() => check('SOME=1 OTHER=x npm run polish')).toThrow('no script polish');
  expect(() => check('npm run bench -- teleport')).toThrow('no benchmark teleport');
  expect(() => check('scripts/prepare')).toThrow('no such program');
});

describe('links', () => {
  it.each(documents)('of %s lead to files of the project', (document) => {
    const links = [...read(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => !/^https?:/.test(link) && !existsSync(join(root, dirname(document), link)));
    expect(broken).toEqual([]);
  });
});
