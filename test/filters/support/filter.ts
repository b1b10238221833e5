/** Any filter of this build in the Node host, and the tables of configurations that it refuses. */
import { readFileSync } from 'node:fs';
import { type FilterModule, Host, loadFilter, type Plugin } from 'proxy-wasm-sdk/testing/index.ts';
import { parse } from 'yaml';
import { filterModule } from '../../../src/proxy/filters.ts';

const modules = new Map<string, FilterModule>();

/** `configuration`: text as it is, anything else as JSON. @throws ConfigurationRefused. */
export function loadInto(host: Host, filter: string, configuration: unknown, vmId = ''): Plugin {
  let module = modules.get(filter);
  if (module === undefined) {
    module = loadFilter(filterModule(filter));
    modules.set(filter, module);
  }
  const text = typeof configuration === 'string' ? configuration : JSON.stringify(configuration);
  return host.load({ module, configuration: text, rootId: filter, vmId });
}

/** A configuration that is refused; `message` is what follows `shunt.NAME: configuration refused: ` in the log. */
export type Refused = [what: string, text: string, message: string];

/** Reads a list of `Refused`. */
export function readRefused(path: string): Refused[] {
  return parse(readFileSync(path, 'utf8')) as Refused[];
}

/**
 * The configuration with each of its bytes changed or everything behind it cut off: the filter accepts or refuses it,
 * and its VM never breaks. @throws Error with the text that broke it.
 */
export function survivesDamage(filter: string, configuration: unknown): void {
  const good = JSON.stringify(configuration);
  for (let at = 0; at < good.length; at++) {
    const texts = [good.slice(0, at), ...['"', '{', ']', '%'].map((c) => good.slice(0, at) + c + good.slice(at + 1))];
    for (const text of texts) {
      const host = new Host();
      try {
        loadInto(host, filter, text);
      } catch (error) {
        if ((error as Error).name !== 'ConfigurationRefused') throw error;
      }
      if (host.logs.some(({ level }) => level === 'critical')) throw new Error(`the VM broke: ${text}`);
    }
  }
}
