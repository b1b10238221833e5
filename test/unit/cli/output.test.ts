import { describe, expect, it } from 'vitest';
import { bytes, percent, table } from '../../../src/cli/output.ts';

describe('output', () => {
  it('writes sizes in binary units', () => {
    expect([0, 1023, 1024, 1536, 5 * 1024 ** 3].map(bytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '5.0 GiB']);
  });

  it('writes a share that nobody measured as a dash', () => {
    expect([null, 0, 0.93125, 1].map(percent)).toEqual(['-', '0.0 %', '93.1 %', '100.0 %']);
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
