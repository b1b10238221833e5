/** Compiled WASM modules on disk, as far as the configuration must know them. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';

/** Largest module that is read; modules of Go, the largest there are, have some 10 MiB. */
export const MAX_MODULE_BYTES = 64 * 1024 * 1024;

/** `\0asm`, version 1. */
const HEADER = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

/** A module, or why the file is none. */
export type ModuleFile =
  | { readonly bytes: Uint8Array; readonly sha256: string }
  | { readonly problem: string; readonly expected: string };

/** Reads a module of at most `maxBytes`; never throws. `sha256` is in small hex digits. */
export function readModuleFile(path: string, maxBytes = MAX_MODULE_BYTES): ModuleFile {
  const bytes = readRegularFile(path, maxBytes);
  if ('problem' in bytes) return bytes;
  if (!HEADER.equals(bytes.subarray(0, HEADER.length))) {
    return { problem: `${path} is no WASM module`, expected: 'a compiled WASM module of version 1' };
  }
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Without waiting: opening a named pipe would, for ever. */
function readRegularFile(
  path: string,
  maxBytes: number,
): Buffer | { readonly problem: string; readonly expected: string } {
  const expected = 'a compiled WASM module';
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const file = fstatSync(fd);
      if (!file.isFile()) return { problem: `${path} is no regular file`, expected };
      if (file.size > maxBytes) {
        return { problem: `${path} has ${file.size} bytes`, expected: `at most ${maxBytes} bytes` };
      }
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const reason = getSystemErrorMap().get((error as NodeJS.ErrnoException).errno ?? 0)?.[1] ?? String(error);
    return { problem: `${path} cannot be read: ${reason}`, expected };
  }
}
