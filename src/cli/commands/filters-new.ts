/** `shunt filters new`: a folder with a filter that builds and whose test passes, to begin with. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ShuntError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { show } from '../output.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const TEMPLATE = join(ROOT, 'templates/filter');

/** Of a package, a file and a counter. */
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/**
 * Writes the folder NAME in the current one.
 * @throws E_USAGE for a bad name, and when there is something of that name: nothing is written over.
 */
export function newFilter(context: Context, name: string): void {
  if (!NAME.test(name)) {
    throw new ShuntError('E_USAGE', `${JSON.stringify(name)}: expected a name of a-z, 0-9 and -, a letter first`);
  }
  const dir = resolve(name);
  if (existsSync(dir)) throw new ShuntError('E_USAGE', `${dir} exists; expected a name that is free in this folder`);
  const files = new Map(templateFiles().map((file) => [target(file), read(file, name, dir)]));
  files.set('package.json', `${JSON.stringify(packageOf(name), undefined, 2)}\n`);
  for (const [file, text] of files) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
  show(context.output, { dir, files: [...files.keys()].sort() }, ({ files: names }) =>
    [...names.map((file) => `+ ${name}/${file}`), `next: cd ${name} && npm install && npm test`].join('\n'),
  );
}

function templateFiles(): string[] {
  const all = readdirSync(TEMPLATE, { recursive: true, encoding: 'utf8' });
  return all.filter((file) => statSync(join(TEMPLATE, file)).isFile());
}

/** Git would obey a .gitignore in the template. */
const target = (file: string): string => (file === 'gitignore' ? '.gitignore' : file);

function read(file: string, name: string, dir: string): string {
  const text = readFileSync(join(TEMPLATE, file), 'utf8');
  return text.replaceAll('FILTER_NAME', name).replaceAll('FILTER_DIR', dir);
}

/** The SDK is that of this installation, and the other packages have the versions that it was tested with. */
function packageOf(name: string): object {
  const { devDependencies, dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const asc = 'asc assembly/index.ts --config node_modules/proxy-wasm-sdk/asconfig.json';
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: {
      build: `mkdir -p build && ${asc} --outFile build/${name}.wasm`,
      test: 'npm run build && node --test test/*.test.ts',
    },
    devDependencies: {
      assemblyscript: devDependencies.assemblyscript,
      node: dependencies.node,
      'proxy-wasm-sdk': `file:${join(ROOT, 'filters/proxy-wasm-sdk')}`,
    },
  };
}
