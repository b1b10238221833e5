import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answer, probe } from '../support/probe.ts';

const { plugin } = probe();

/** What the reader makes of a text: a dump, or `error LINE:COLUMN: …`. Bytes as UTF-8. */
function read(text: string | Buffer): string {
  return answer(plugin, 'json', Buffer.from(text).toString('latin1')) ?? 'no answer';
}

/** The dump that the probe writes, from JavaScript's own reader. */
function dump(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return `'${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map(dump).join(',')}]`;
  if (typeof value === 'number') return 'number';
  return `{${Object.entries(value as object)
    .map(([key, item]) => `${dump(key)}:${dump(item)}`)
    .join(',')}}`;
}

/** The dump with numbers compared as numbers. */
function expectSame(text: string, value: unknown): void {
  const dumped = read(text);
  const numbers: number[] = [];
  const shape = dumped.replace(/(^|[[,:])(-?(?:\d|Infinity)[^,\]}]*)/g, (_, before: string, number: string) => {
    numbers.push(Number(number));
    return `${before}number`;
  });
  expect(shape, text).toBe(dump(value));
  const wanted: number[] = [];
  JSON.stringify(value, (_, item) => {
    if (typeof item === 'number') wanted.push(item);
    return item;
  });
  expect(numbers, text).toEqual(wanted);
}

describe('the JSON reader takes what RFC 8259 allows', () => {
  test.each([
    ['null'],
    [' \t\r\n true \n'],
    ['[]'],
    ['{}'],
    ['[ ]'],
    ['{ }'],
    ['""'],
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t"'],
    ['"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000"'],
    ['"é€😀"'],
    ['[0,1,-1,1.5,1e3,1E+3,1e-3,0.25,0.1,123456789012345,9007199254740992,1e22,1e-22,12e30,0e999,0.30000,1.10]'],
    ['{"a":{"b":[{"c":null}]}}'],
    ['{"":1,"\\u0000":2}'],
    [`${'['.repeat(32)}${']'.repeat(32)}`],
    [`{${Array.from({ length: 40 }, (_, index) => `"k${index}":${index}`).join()}}`],
  ])('%s', (text) => expectSame(text, JSON.parse(text)));
});

describe('and refuses everything else, with line and column', () => {
  test.each([
    ['', '1:1: text ends where a value should be'],
    ['[1,\n 2,\n ]', '3:2: expected a value'],
    ['{"é": é}', '1:7: expected a value'],
    ['[1 2]', '1:4: expected , or ]'],
    ['{"a" 1}', '1:6: expected :'],
    ['{"a":1 "b":2}', '1:8: expected , or }'],
    ['{a:1}', '1:2: expected a key in quotes'],
    ['{"a":1,}', '1:8: expected a key in quotes'],
    ['01', '1:1: malformed number'],
    ['1.', '1:1: malformed number'],
    ['.5', '1:1: expected a value'],
    ['1e', '1:1: malformed number'],
    ['-', '1:1: malformed number'],
    ['1e999', '1:1: more digits or a larger exponent than a number holds exactly'],
    ['[1,12345678901234567890]', '1:4: [1]: more digits or a larger exponent than a number holds exactly'],
    ['0.1234567890123456789', '1:1: more digits or a larger exponent than a number holds exactly'],
    ['1e-40', '1:1: more digits or a larger exponent than a number holds exactly'],
    ['tru', '1:1: expected a value'],
    ['nulll', '1:5: text after the end of the JSON value'],
    ['"a', '1:1: string without end'],
    ['"\t"', '1:2: control character in a string'],
    ['"\\q"', '1:2: bad escape in a string'],
    ['"\\u12g4"', '1:2: bad escape in a string'],
    ['"\\udc00"', '1:2: bad escape in a string'],
    ['"\\ud800\\u0041"', '1:2: bad escape in a string'],
    ['"\\', '1:2: bad escape in a string'],
    ['\ufeff1', '1:1: expected a value'],
    ['{"a":1,"a":2}', '1:8: the key a is there twice'],
    ['{"a":1,"\\u0061":2}', '1:8: the key a is there twice'],
    [`${'['.repeat(33)}`, '1:33: nested deeper than 32'],
    [
      `{${Array.from({ length: 20 }, (_, index) => `"k${index}":1`).join()},"k19":1}`,
      '1:152: the key k19 is there twice',
    ],
    ['0x10', '1:2: text after the end of the JSON value'],
    ['"\u0000"', '1:2: control character in a string'],
  ])('%j', (text, error) => expect(read(text)).toBe(`error ${error}`));

  test.each([
    [[0x22, 0xff, 0x22]],
    [[0x22, 0xc0, 0x80, 0x22]],
    [[0x22, 0xe0, 0x9f, 0xbf, 0x22]],
    [[0x22, 0xed, 0xa0, 0x80, 0x22]],
    [[0x22, 0xf0, 0x8f, 0xbf, 0xbf, 0x22]],
    [[0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    [[0x22, 0xf8, 0x88, 0x80, 0x80, 0x80, 0x22]],
    [[0x22, 0xe2, 0x82]],
  ])('bytes %j are not UTF-8', (bytes) => expect(read(Buffer.from(bytes))).toBe('error 1:2: not UTF-8'));
});

describe('fuzz', () => {
  /** Numbers of some digits: others are refused. */
  const plain = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (_, item) => (typeof item === 'number' ? Math.round(item % 1e6) / 8 || 0 : item));

  test('agrees with JSON.parse on valid texts', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5, noUnicodeString: false }),
        fc.constantFrom(undefined, 1, '\t'),
        (value, indent) => {
          const text = JSON.stringify(plain(value), undefined, indent);
          expectSame(text, JSON.parse(text));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('agrees with JSON.parse on numbers of up to 15 digits, to the last bit', () => {
    const digits = fc.tuple(fc.maxSafeNat(), fc.integer({ min: -20, max: 20 }), fc.boolean());
    fc.assert(
      fc.property(digits, ([mantissa, exponent, negative]) => {
        const text = `${negative ? '-' : ''}${mantissa % 1e15}e${exponent}`;
        const number = JSON.parse(text);
        expect(Number(read(text))).toBe(number === 0 ? Number(read(text)) : number);
      }),
      { numRuns: 2000 },
    );
  });

  test('accepts no text that JSON.parse refuses, and never traps', () => {
    const token = fc.constantFrom(...'{}[],:" \\\n0123.eE+-truefalsnu/a', '"a"', '"b":', 'null', '\\u00', 'é', '1');
    const mangled = fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join(''));
    const broken = fc.tuple(fc.jsonValue({ maxDepth: 3 }), fc.nat(100), token).map(([value, at, text]) => {
      const whole = JSON.stringify(value);
      const cut = at % (whole.length + 1);
      return whole.slice(0, cut) + text + whole.slice(cut + 1);
    });
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(mangled, broken), (text) => {
        const result = read(text);
        expect(plugin.vm().failure).toBeUndefined();
        if (result.startsWith('error ')) return;
        accepted++;
        expect(() => JSON.parse(text), text).not.toThrow();
      }),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
