/** Compiles a filter that a test wrote, as filters/build does with those of the project. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from './mesh.ts';

/** Writes NAME.wasm into a folder. `options`: further ones of the compiler. @returns its path and sha256. @throws Error with what the compiler said. */
export function compileFilter(
  dir: string,
  name: string,
  source: string,
  options: readonly string[] = [],
): { path: string; sha256: string } {
  const entry = join(dir, name, 'assembly/index.ts');
  const path = join(dir, `${name}.wasm`);
  mkdirSync(dirname(entry), { recursive: true });
  writeFileSync(entry, source);
  execFileSync(
    join(ROOT, 'node_modules/.bin/asc'),
    [
      ...[entry, '--outFile', path, '--path', join(ROOT, 'node_modules')],
      ...['--config', join(ROOT, 'filters/proxy-wasm-sdk/asconfig.json'), ...options],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: ROOT },
  );
  return { path, sha256: createHash('sha256').update(readFileSync(path)).digest('hex') };
}
