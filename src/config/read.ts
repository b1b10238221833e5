/** Paths -> sources. With module-file.ts, the only file of this folder that touches the file system. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { Problem } from './problems.ts';
import { MAX_FILE_BYTES, type Source } from './source.ts';

/** Most files that are read from folders at one go; more is a wrong folder (`-f /`). */
const MAX_FILES = 10_000;

/**
 * Reads files, folders (recursively, all `*.yaml` and `*.yml` in order of their names; hidden entries and links to
 * folders are skipped) and `-` for standard input. Never throws: what cannot be read is a problem.
 */
export function readSources(paths: readonly string[]): { sources: Source[]; problems: Problem[] } {
  const sources: Source[] = [];
  const problems: Problem[] = [];
  const read = (file: string): void => {
    try {
      sources.push({ file: file === '-' ? '<stdin>' : file, text: readLimited(file) });
    } catch (error) {
      problems.push(unreadable(file, error));
    }
  };
  for (const path of paths) {
    try {
      if (path === '-' || !statSync(path).isDirectory()) {
        read(path);
        continue;
      }
      const files = yamlFiles(path);
      if (files.length === 0 || files.length > MAX_FILES) {
        const what = files.length === 0 ? 'no resource in the folder' : `more than ${MAX_FILES} files in the folder`;
        problems.push({ file: path, line: 1, column: 1, what, expected: 'files named *.yaml or *.yml' });
      } else for (const file of files) read(file);
    } catch (error) {
      problems.push(unreadable(path, error));
    }
  }
  return { sources, problems };
}

function yamlFiles(folder: string, found: string[] = []): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (found.length > MAX_FILES) return found;
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) yamlFiles(path, found);
    else if (/\.ya?ml$/.test(entry.name) && !(entry.isSymbolicLink() && statSync(path).isDirectory())) found.push(path);
  }
  return found;
}

/** At most one byte more than is allowed, so that /dev/zero and a file of 10 GB end soon, and pipes work. */
function readLimited(file: string): Uint8Array {
  const fd = file === '-' ? 0 : openSync(file, 'r');
  try {
    const known = fstatSync(fd);
    const limit = MAX_FILE_BYTES + 1;
    const buffer = Buffer.alloc(known.isFile() ? Math.min(known.size + 1, limit) : limit);
    let length = 0;
    while (length < buffer.length) {
      const count = readSome(fd, buffer, length);
      if (count === 0) break;
      length += count;
    }
    return buffer.subarray(0, length);
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

/** One read(2); waits where standard input was set non-blocking by another process (EAGAIN). */
function readSome(fd: number, buffer: Uint8Array, offset: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, offset, buffer.length - offset, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function unreadable(file: string, error: unknown): Problem {
  const errno = (error as NodeJS.ErrnoException).errno ?? 0;
  const reason = getSystemErrorMap().get(errno)?.[1] ?? String(error);
  return { file, line: 1, column: 1, what: `cannot be read: ${reason}`, expected: 'a YAML file or a folder of them' };
}
