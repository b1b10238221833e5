import { expect, test } from 'vitest';
import { runCommand, tryCommand } from '../../../src/workload/command.ts';
import { runHash } from '../../../src/workload/launch.ts';

test('a failing command is an error with its last line, which is not that of the batch', async () => {
  const script = 'echo first >&2; echo "RTNETLINK answers: File exists" >&2; echo "Command failed -:3" >&2; exit 2';
  await expect(runCommand('sh', ['-c', script])).rejects.toMatchObject({
    code: 'E_COMMAND',
    message: expect.stringMatching(/^sh -c .*: RTNETLINK answers: File exists$/s),
  });
});

test('a silent failure tells the exit status', async () => {
  await expect(runCommand('sh', ['-c', 'exit 7'])).rejects.toThrow('exit status 7');
});

test('a program that is not installed is named', async () => {
  await expect(tryCommand('no-such-program', [])).rejects.toMatchObject({
    code: 'E_COMMAND',
    message: 'no-such-program: not found in PATH; install it',
  });
});

test('input that is not read is no error', async () => {
  expect(await runCommand('true', [], { input: 'x'.repeat(1 << 20) })).toBe('');
  expect(await runCommand('cat', [], { input: 'x' })).toBe('x');
});

test('a run hash changes with what the program gets, and not with the order of its variables', () => {
  const run = { command: ['a', 'b'], env: { A: '1', B: '2' }, workingDir: '/', restart: 'always' } as const;
  expect(runHash(run)).toMatch(/^[0-9a-f]{16}$/);
  expect(runHash({ ...run, env: { B: '2', A: '1' } })).toBe(runHash(run));
  expect(runHash({ ...run, restart: 'never' })).toBe(runHash(run));
  const changed = [
    { ...run, command: ['a b'] },
    { ...run, env: { A: '1', B: '3' } },
    { ...run, user: 'nobody' },
    { ...run, workingDir: '/tmp' },
  ];
  expect(new Set([run, ...changed].map(runHash)).size).toBe(5);
});
