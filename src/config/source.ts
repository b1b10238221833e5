/** Bytes of a file -> text, or the first reason why it is no text. Pure. */
import { isUtf8 } from 'node:buffer';
import type { Problem } from './problems.ts';

/** One file, or standard input, as it was read. */
export interface Source {
  /** As it shall stand in messages. */
  readonly file: string;
  readonly text: Uint8Array;
}

/** Largest file that is read. Configuration of a thousand workloads is a tenth of it. */
export const MAX_FILE_BYTES = 1024 * 1024;

/** YAML forbids all control characters but tab and line ends; the `yaml` package uses some of them internally. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** The text without its byte order mark, or what is wrong with the bytes. */
export function decodeSource(source: Source): { text: string } | { problem: Problem } {
  const { file, text: bytes } = source;
  const problem = (line: number, column: number, what: string, expected: string) => ({
    problem: { file, line, column, what, expected },
  });
  if (bytes.length > MAX_FILE_BYTES) {
    return problem(1, 1, `the file has more than ${MAX_FILE_BYTES} bytes`, 'at most 1 MiB a file; split it');
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return problem(1, 1, 'the file is UTF-16', 'UTF-8');
  }
  if (!isUtf8(bytes)) {
    const [line, column] = firstInvalid(bytes);
    return problem(line, column, 'a byte that is not UTF-8', 'UTF-8 text');
  }
  const text = new TextDecoder('utf-8').decode(bytes);
  const control = CONTROL.exec(text);
  if (control !== null) {
    const before = text.slice(0, control.index);
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0');
    return problem(
      before.split('\n').length,
      control.index - before.lastIndexOf('\n'),
      `the control character U+${code.toUpperCase()}`,
      'text; YAML allows no control characters but tab and line ends',
    );
  }
  return { text };
}

/** Line and column of the first byte that starts no UTF-8 sequence. A sequence never spans lines. */
function firstInvalid(bytes: Uint8Array): [line: number, column: number] {
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    const content = bytes.subarray(start, end);
    if (!isUtf8(content)) {
      let valid = 0;
      for (let low = 0, high = content.length; low < high; ) {
        const middle = (low + high + 1) >> 1;
        if (startsValid(content.subarray(0, middle))) low = valid = middle;
        else high = middle - 1;
      }
      return [line, new TextDecoder().decode(content.subarray(0, valid)).replace(/\ufffd$/, '').length + 1];
    }
    start = end + 1;
  }
  return [line, 1];
}

/** True when the bytes are UTF-8 or become it with more bytes (a sequence cut at the end). */
function startsValid(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
