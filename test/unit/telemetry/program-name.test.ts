import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { programName } from '../../../src/supervisor/sockets.ts';

it('is the name that a process gave itself, without what would move a cursor', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { argv0: '/usr/sbin/evil\u001b[2J: worker' });
  await new Promise((resolve) => child.once('spawn', resolve));
  expect(programName(child.pid ?? 0)).toBe('evil?[2J');
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.stdin.end();
  await ended;
  expect(programName(child.pid ?? 0)).toBe('?');
});
