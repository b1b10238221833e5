import { describe, expect, it } from 'vitest';
import { bytes, duration, percent, table } from '../../../src/cli/output.ts';

describe('output', () => {
  it('writes sizes in binary units', () => {
    expect([0, 1023, 1024, 1536, 5 * 1024 ** 3].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '5.0 GiB']);
  });

  it('writes a share that nobody measured as a dash', () => {
    expect([null, 0, 0.93125, 1].map(percent)).toEqual(['-', '0.0 %', '93.1 %', '100.0 %']);
  });

  it('writes durations in the two largest units that say something', () => {
    expect([0, 999, 90_000, 3_600_000, 90_061_000].map(duration)).toEqual([
      '0 s',
      '1 s',
      '1 min 30 s',
      '1 h',
      '1 d 1 h',
    ]);
  });

  it('aligns columns, shows absent cells as a dash and leaves no space at the end of a line', () => {
    expect(
      table(
        ['name', 'n'],
        [
          ['a', 1],
          ['long-name', undefined],
        ],
      ),
    ).toBe('NAME       N\na          1\nlong-name  -');
  });
});
