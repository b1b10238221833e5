import { readFileSync } from 'node:fs';
import { SIGNATURES } from './abi.ts';

/** A compiled filter whose imports are exactly what Envoy has. */
export interface FilterModule {
  readonly module: WebAssembly.Module;
  readonly sizeBytes: number;
  readonly exports: ReadonlySet<string>;
}

const VALUE_TYPES: Readonly<Record<number, string>> = { 127: 'i', 126: 'I', 125: 'f', 124: 'F' };
const VERSION = 'proxy_abi_version_0_2_1';

/**
 * Loads a module as strictly as Envoy does. @throws Error naming each import that Envoy lacks or has with another
 * signature (a filter that uses Date.now or Math.random compiles, but no proxy can load it), or a missing ABI version.
 */
export function loadFilter(path: string): FilterModule {
  const bytes = readFileSync(path);
  const wrong = importsOf(bytes).flatMap(({ module, name, parameters, results }) => {
    const wanted = module === 'env' ? SIGNATURES[name] : undefined;
    if (wanted === undefined) return [`${module}.${name} is no host function of ABI 0.2.1`];
    if (wanted !== parameters || results !== 'i')
      return [`${name} takes (${wanted}), the module passes (${parameters})`];
    return [];
  });
  if (wrong.length > 0) throw new Error(`${path}: ${wrong.join('; ')}`);
  const module = new WebAssembly.Module(bytes);
  const exports = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  if (!exports.has(VERSION)) throw new Error(`${path}: does not export ${VERSION}`);
  return { module, sizeBytes: bytes.length, exports };
}

interface Import {
  module: string;
  name: string;
  parameters: string;
  results: string;
}

/** Function imports with their types: WebAssembly.Module.imports does not tell types. */
function importsOf(bytes: Buffer): Import[] {
  let at = 8;
  const byte = (): number => bytes[at++] ?? 0;
  const u32 = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const b = byte();
      value |= (b & 127) << shift;
      if (b < 128) return value >>> 0;
    }
  };
  const text = (): string => {
    const length = u32();
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const values = (): string => Array.from({ length: u32() }, () => VALUE_TYPES[byte()] ?? '?').join('');
  const types: { parameters: string; results: string }[] = [];
  const imports: Import[] = [];
  while (at < bytes.length) {
    const section = byte();
    const size = u32();
    const end = at + size;
    if (section === 1) {
      for (let count = u32(); count > 0; count--) {
        byte();
        types.push({ parameters: values(), results: values() });
      }
    } else if (section === 2) {
      for (let count = u32(); count > 0; count--) {
        const module = text();
        const name = text();
        const kind = byte();
        if (kind !== 0) throw new Error(`import ${module}.${name} is no function`);
        const type = types[u32()];
        imports.push({ module, name, parameters: type?.parameters ?? '?', results: type?.results ?? '?' });
      }
    }
    at = end;
  }
  return imports;
}
