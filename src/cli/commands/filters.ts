/** `shunt filters`: the WASM filters of this build, and how to load one into an Envoy of one's own. */
import { builtInFilters, filterSnippet } from '../../proxy/filters.ts';
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

/** Prints an entry for `http_filters`, as YAML (JSON with `-o json`). */
export function printSnippet(context: Context, name: string): void {
  print(filterSnippet(name, context.output === 'json' ? 'json' : 'yaml'));
}
