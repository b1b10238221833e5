import { expect, test } from 'vitest';
import { check, closed, errnoName, failure } from '../../../src/bpf/errors.ts';

test('an error says what failed, why, the hint, and keeps errno and the call', () => {
  const error = failure('E_BPF_PIN', 'pin map x to /y', 'bpf_obj_pin', 17, 'a hint');
  expect(error.message).toBe('pin map x to /y: file already exists (EEXIST): a hint');
  expect(error).toMatchObject({ code: 'E_BPF_PIN', errno: 17, syscall: 'bpf_obj_pin' });
});

test('EPERM says what is needed', () => {
  expect(failure('E_BPF_MAP', 'make a map', 'bpf', 1).message).toBe(
    'make a map: operation not permitted (EPERM); needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN)',
  );
});

test('numbers that only the kernel knows have a text too', () => {
  expect(errnoName(524)).toBe('ENOTSUPP');
  expect(failure('E_BPF_MAP', 'x', 'y', 524).message).toBe('x: not supported by this kernel (ENOTSUPP)');
  expect(failure('E_BPF_MAP', 'x', 'y', 9999).message).toBe('x: errno 9999');
});

test('a result is returned unless it is negative', () => {
  expect(check('E_BPF_MAP', 'x', 'y', 0)).toBe(0);
  expect(check('E_BPF_MAP', 'x', 'y', 7)).toBe(7);
  expect(() => check('E_BPF_MAP', 'x', 'y', -2)).toThrow('x: no such file or directory (ENOENT)');
});

test('use after close says so', () => {
  expect(closed('E_BPF_MAP', 'map x').message).toBe('map x was used after it was closed');
});
