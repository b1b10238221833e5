/** The results that are kept between runs: a file a kernel, beside its image. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelResults } from './result.ts';

export function kept(cache: string, kernel: string): KernelResults | undefined {
  const path = join(cache, `${kernel}.json`);
  if (!existsSync(path)) return undefined;
  const results = JSON.parse(readFileSync(path, 'utf8')) as Partial<KernelResults>;
  // Of another form: written before results were kept by file.
  return results.files === undefined ? undefined : (results as KernelResults);
}

export function keep(cache: string, results: KernelResults): void {
  const path = join(cache, `${results.kernel}.json`);
  // A run may be cut off at any moment.
  writeFileSync(`${path}.new`, JSON.stringify(results, null, 1));
  renameSync(`${path}.new`, path);
}
