/** `shunt filters`: the WASM filters of this build, and how to load one into an Envoy of one's own. */
import { isAbsolute } from 'node:path';
import { loadModel } from '../../config/load.ts';
import { ShuntError } from '../../errors.ts';
import { builtInFilters } from '../../proxy/filters.ts';
import { authzSnippet, exampleSnippet, reloadingSnippet } from '../../proxy/snippet.ts';
import type { Context } from '../context.ts';
import { bytes, print, show, table } from '../output.ts';

export function listFilters(context: Context): void {
  show(context.output, builtInFilters(), (all) =>
    table(
      ['filter', 'size', 'sha256', 'what it does'],
      all.map((filter) => [filter.name, bytes(filter.sizeBytes), filter.sha256.slice(0, 12), filter.summary]),
    ),
  );
}

export interface SnippetCommandOptions {
  readonly file?: readonly string[];
  readonly identity?: 'mtls' | 'listener';
  readonly cluster?: Readonly<Record<string, string>>;
  readonly module?: string;
  readonly reloadFrom?: string;
  readonly resource?: boolean;
}

/** Prints an entry for `http_filters`, or the file that such an entry reads, as YAML (JSON with `-o json`). */
export function printSnippet(context: Context, name: string, options: SnippetCommandOptions): void {
  const { file, identity, cluster, module, reloadFrom, resource } = options;
  const format = context.output === 'json' ? 'json' : 'yaml';
  if (reloadFrom !== undefined) {
    const others = Object.entries({ file, identity, cluster, module, resource });
    const [option] = others.find(([, value]) => value !== undefined) ?? [];
    if (option !== undefined) {
      const why = 'the entry has no configuration; that is in the file, which --resource prints';
      throw new ShuntError('E_USAGE', `filters snippet ${name}: --${option} does not go with --reload-from: ${why}`);
    }
    print(reloadingSnippet(name, reloadFrom, format));
    return;
  }
  if (module !== undefined && !isAbsolute(module)) {
    throw new ShuntError('E_USAGE', `--module ${module}: expected an absolute path, where that Envoy runs`);
  }
  const how = { format, resource: resource ?? false, ...(module === undefined ? {} : { module }) } as const;
  if (file !== undefined && name === 'authz') {
    print(authzSnippet(loadModel(file), { ...how, identity: identity ?? 'mtls', clusters: cluster ?? {} }));
    return;
  }
  for (const [option, value] of Object.entries({ file, identity, cluster })) {
    if (value === undefined) continue;
    const needs = name === 'authz' ? 'needs -f with the policies' : 'is for authz alone';
    throw new ShuntError('E_USAGE', `filters snippet ${name}: --${option} ${needs}`);
  }
  print(exampleSnippet(name, how));
}
