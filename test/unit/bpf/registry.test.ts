import { expect, test } from 'vitest';
import { assertNoLeaks, openDescriptors, track } from '../../../src/bpf/registry.ts';

test('names what is open and the line that opened it', () => {
  const forget = track('map x');
  expect(openDescriptors()).toEqual([expect.stringMatching(/^map x, opened at .*registry\.test\.ts:\d+:\d+/)]);
  forget();
  forget();
  expect(openDescriptors()).toEqual([]);
});

test('a leak fails once, so that it is blamed on the file that made it', () => {
  track('link x');
  track('object y');
  expect(assertNoLeaks).toThrow(/^2 BPF descriptors leaked:\n {2}link x, opened at .*\n {2}object y, opened at /);
  expect(assertNoLeaks).not.toThrow();
});
