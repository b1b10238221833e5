/** Which Envoy runs: SHUNT_ENVOY, else the one that scripts/setup put into the project, else the one on PATH. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { ShuntError } from '../errors.ts';

const PROJECT_ENVOY = resolve(import.meta.dirname, '../../.deps/envoy/envoy/_bin/envoy');

/** @throws E_NEEDS when there is none. */
export function envoyBinary(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment.SHUNT_ENVOY;
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return named;
    throw new ShuntError('E_NEEDS', `SHUNT_ENVOY=${named}: expected an executable Envoy of version 1.40 or later`);
  }
  const onPath = (environment.PATH ?? '').split(delimiter).map((dir) => join(dir, 'envoy'));
  const found = [PROJECT_ENVOY, ...onPath].find(isExecutable);
  if (found === undefined) {
    throw new ShuntError(
      'E_NEEDS',
      'no Envoy found; run scripts/setup, or set SHUNT_ENVOY to one of version 1.40 or later',
    );
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
