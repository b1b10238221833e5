/**
 * `generate-abi.ts OUTPUT OBJECT...`: writes the layouts in the BTF of the objects as TypeScript. The file keeps its bytes
 * when nothing changed.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Btf, type BtfType } from './abi/btf.ts';
import { emitAbi } from './abi/emit.ts';

/** @throws Error with bpftool's message. */
export function readBtf(object: string): Btf {
  const args = ['-j', 'btf', 'dump', 'file', object, 'format', 'raw'];
  const json = execFileSync('bpftool', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  return new Btf(basename(object), (JSON.parse(json) as { types: BtfType[] }).types);
}

function main([output, ...objects]: string[]): void {
  if (output === undefined || objects.length === 0) throw new Error('usage: generate-abi.ts OUTPUT OBJECT...');
  const text = emitAbi(objects.map(readBtf));
  let before: string | undefined;
  try {
    before = readFileSync(output, 'utf8');
  } catch {
    before = undefined;
  }
  if (text !== before) writeFileSync(output, text);
}

if (import.meta.main) main(process.argv.slice(2));
