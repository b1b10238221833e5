/** What the command line says of words that it does not take, and where it prints. Needs no supervisor. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SHUNT } from '../../support/mesh.ts';

const shunt = (...args: string[]) => spawnSync(SHUNT, args, { encoding: 'utf8' });

describe('the command line', () => {
  it.each([
    [['top', '-n', '0'], /option '-n, --count <times>' argument '0' is invalid/],
    [['top', '-i', 'soon'], /option '-i, --interval <seconds>' argument 'soon' is invalid/],
    // Longer than a timer of Node: it would end at once.
    [['top', '-i', '3000000'], /argument '3000000' is invalid. Expected seconds, more than 0, at most 2147483/],
    [['pcap', 'web', '-w', '-', '--duration', 'Infinity'], /argument 'Infinity' is invalid/],
    [['pcap', 'web', '-w', '-', '--snap', '-1'], /argument '-1' is invalid. Expected a whole number/],
    [['run', '--label', 'x', 'true'], /option '--label <name=value>' argument 'x' is invalid. Expected name=value/],
  ])('says what is wrong with %j', (args, message) => {
    const { status, stderr } = shunt(...args);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it('says in one line that what it prints to is full', () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(SHUNT, ['filters', 'list'], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect(stderr).toBe('shunt: E_SYSCALL: standard output: ENOSPC: no space left on device, write\n');
      expect(status).toBe(1);
    } finally {
      closeSync(full);
    }
  });

  it('ends as it would where nobody reads its errors', () => {
    const full = openSync('/dev/full', 'w');
    try {
      const stdio = ['ignore', 'ignore', full] as const;
      expect(spawnSync(SHUNT, ['filters', 'snippet', 'no-such-filter'], { stdio: [...stdio] }).status).toBe(
        shunt('filters', 'snippet', 'no-such-filter').status,
      );
    } finally {
      closeSync(full);
    }
  });
});
