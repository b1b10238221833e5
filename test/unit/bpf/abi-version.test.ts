import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ABI_VERSION } from '../../../src/instance.ts';

test('the pin directory carries the version of abi.h', () => {
  const header = readFileSync(new URL('../../../bpf/include/abi.h', import.meta.url), 'utf8');
  expect(Number(/^#define SHUNT_ABI_VERSION (\d+)$/m.exec(header)?.[1])).toBe(ABI_VERSION);
});
