import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadModel, parseResources } from '../../../src/config/load.ts';
import type { Model } from '../../../src/config/model.ts';
import { ConfigError } from '../../../src/config/problems.ts';
import type { Source } from '../../../src/config/source.ts';

const FOLDER = resolve(import.meta.dirname, '../../../examples/bad');
const GOOD = join(FOLDER, 'good.yaml');

/** Far above what is needed (a tenth of a second), far below what a quadratic step or a recursion would take. */
const LIMIT_MS = 5000;

/** The one problem that loading ends with, in time. */
function theProblem(load: () => Model): string {
  const start = performance.now();
  let applied: Model | undefined;
  try {
    applied = load();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).code).toBe('E_CONFIG');
    expect((error as ConfigError).problems).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(LIMIT_MS);
    return (error as ConfigError).message;
  }
  throw new Error(`accepted: ${JSON.stringify(applied)}`);
}

test('good.yaml alone is a model', () => {
  expect(loadModel([GOOD]).workloads.map(({ key }) => key)).toEqual(['default/web']);
});

describe('examples/bad: each file has one mistake, and good.yaml next to it is not applied', () => {
  const files = readdirSync(FOLDER).filter((name) => /^\d/.test(name));
  const lines = readFileSync(join(FOLDER, 'expected.txt'), 'utf8').trimEnd().split('\n');

  test('expected.txt names every file once', () => {
    expect(lines.map((line) => line.slice(0, line.indexOf(':')))).toEqual(files.sort());
    expect(files.length).toBeGreaterThanOrEqual(60);
  });

  test.each(lines)('%s', (line) => {
    const file = line.slice(0, line.indexOf(':'));
    const message = theProblem(() => loadModel([GOOD, join(FOLDER, file)]));
    expect(message.replaceAll(`${FOLDER}/`, '')).toBe(line);
  });
});

describe('what no file of examples can hold', () => {
  const head = 'apiVersion: shunt.dev/v1alpha1\nkind: Workload\nmetadata:\n  name: api\n';
  const policyWithPath = (path: string) => `\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec:
  rules: [{to: [{operation: {ports: ["1"], paths: ["${path}"]}}]}]
`;
  const levels = (count: number) => Array.from({ length: count }, (_, level) => `${' '.repeat(level)}a:`).join('\n');
  const MIB = 1024 * 1024;

  test.each<[what: string, bytes: string | Uint8Array, message: string]>([
    [
      '10 MB of [',
      '['.repeat(10_000_000),
      '1:1: the file has more than 1048576 bytes; expected at most 1 MiB a file; split it',
    ],
    ['1 MiB of [', '['.repeat(MIB), '1:33: nested more than 32 levels deep'],
    ['1 MiB of {', '{'.repeat(MIB), '1:33: nested more than 32 levels deep'],
    ['1 MiB of "- "', '- '.repeat(MIB / 2), '1:65: nested more than 32 levels deep'],
    ['1 MiB of "? "', '? '.repeat(MIB / 2), '1:65: nested more than 32 levels deep'],
    ['1,000 nested maps', levels(1000), '33:33: nested more than 32 levels deep'],
    ['1 MiB of ,', `[${','.repeat(MIB - 2)}]`, '1:100000: more than 100000 YAML tokens in the file; expected fewer'],
    ['1 MiB of line ends', '\n'.repeat(MIB), '100001:1: more than 100000 YAML tokens'],
    ['1 MiB of anchors', '&a '.repeat(MIB / 3), '1:150000: more than 100000 YAML tokens'],
    ['1 MiB of aliases', '- *a\n'.repeat(MIB / 5), '25000:5: more than 100000 YAML tokens'],
    ['1 MiB of !', '!'.repeat(MIB), '1:1: YAML: The !!!!'],
    ['1 MiB of spaces', ' '.repeat(MIB), '1:1: the file has no resource'],
    ['1 MiB of tabs', '\t'.repeat(MIB), '1:1: the file has no resource'],
    ['a name of 1 MiB', `${head.trimEnd()}${'a'.repeat(MIB - head.length)}`, '4:9: metadata.name is "apiaaa'],
    ['a field of 1,000 characters', `${head}${'x'.repeat(1000)}: 1\n`, '5:1: unknown field xxx'],
    ['a path of 500 kB', policyWithPath(`?${'x'.repeat(500_000)}`), '5:52: path "?xxx'],
    ['an alias of 500 kB', `a: *${'x'.repeat(500_000)}\n`, '1:4: unknown alias *xxx'],
    ['a C1 control for the terminal, escaped', `kind: "\\u009b2J"\n`, '1:7: unknown kind "\\u009b2J"'],
    ['an override of the direction of text', `kind: "\u202eX"\n`, '1:7: unknown kind "\\u202eX"'],
    ['an open quote of 1 MiB', `kind: "${'a\n'.repeat(MIB / 2 - 4)}`, '524285:1: YAML: Missing closing "quote'],
    ['14,000 keys in a map', Array.from({ length: 14_000 }, (_, i) => `k${i}: 1`).join('\n'), '1:1: kind is missing'],
    ['a NUL byte', `${head}#\0\n`, '5:2: the control character U+0000; expected text'],
    ['an escape sequence of a terminal', `${head}# \u001b[2J\n`, '5:3: the control character U+001B'],
    [
      'a byte of Latin-1',
      Buffer.from(`${head}# caf\xe9\n`, 'latin1'),
      '5:6: a byte that is not UTF-8; expected UTF-8 text',
    ],
    [
      'a byte after other characters',
      Buffer.concat([Buffer.from('# é€😀'), Buffer.from([0xff])]),
      '1:7: a byte that is not UTF-8',
    ],
    ['a sequence that is cut off', Buffer.from([0x61, 0x0a, 0xe2, 0x82]), '2:1: a byte that is not UTF-8'],
    ['an overlong sequence', Buffer.from([0x61, 0xc0, 0xaf]), '1:2: a byte that is not UTF-8'],
    ['a surrogate in UTF-8', Buffer.from([0x61, 0xed, 0xa0, 0x80]), '1:2: a byte that is not UTF-8'],
    [
      'half a surrogate pair, escaped',
      `${head}  annotations: {a: "\\ud800"}\n`,
      '5:20: the text "\\ud800" cannot be encoded',
    ],
    ['UTF-16, little-endian', Buffer.from(`\ufeff${head}`, 'utf16le'), '1:1: the file is UTF-16; expected UTF-8'],
    ['UTF-16, big-endian', Buffer.from(`\ufeff${head}`, 'utf16le').swap16(), '1:1: the file is UTF-16'],
    ['a PNG', Buffer.from('89504e470d0a1a0a0000000d', 'hex'), '1:1: a byte that is not UTF-8'],
    ['a byte order mark before a mistake', `\ufeff${head}x: 1\n`, '5:1: unknown field x'],
  ])('%s', (_, bytes, message) => {
    const sources: Source[] = [
      { file: 'good.yaml', text: readFileSync(GOOD) },
      { file: 'bad.yaml', text: typeof bytes === 'string' ? Buffer.from(bytes) : bytes },
    ];
    const line = theProblem(() => parseResources(sources));
    expect(line.slice(0, `bad.yaml:${message}`.length)).toBe(`bad.yaml:${message}`);
    expect(line.length).toBeLessThan(600);
    expect(line).not.toContain('\n');
  });
});

test('a bad file among good ones does not hide the mistakes of another', () => {
  const paths = ['026-name-not-dns', '076-port-zero', '128-policy-method-lower'].map((name) =>
    join(FOLDER, `${name}.yaml`),
  );
  expect(() => loadModel([GOOD, ...paths])).toThrow(/026.*:4:9: .*\n.*076.*:9:13: .*\n.*128.*:9:23: [^\n]*$/);
});
