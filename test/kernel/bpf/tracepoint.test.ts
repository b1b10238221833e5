import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs } from '../../support/capabilities.ts';
import { compile, makePinPath } from './fixture.ts';

const object = compile('basic');

const MOUNTED = '{ mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing; }';

/** Runs the child in a mount namespace of its own, where tracefs can be mounted or hidden without changing the machine. */
function inMountNamespace(mount: string, pins: string): Record<string, unknown> {
  const child = join(import.meta.dirname, 'tracepoint-child.ts');
  const script = `${mount} && exec "$0" "$@"`;
  const output = execFileSync('unshare', ['-m', 'sh', '-c', script, process.execPath, child, object, pins], {
    encoding: 'utf8',
  });
  return JSON.parse(output) as Record<string, unknown>;
}

test('a tracepoint program runs while its link is open or pinned, and no longer', needs('links of tracepoints'), () => {
  using pins = makePinPath('tracepoint');
  expect(inMountNamespace(MOUNTED, pins.path)).toEqual({
    before: 0,
    attached: 10,
    pinned: 20,
    adopted: 30,
    gone: 30,
    absent: 'attach program traced to tracepoint syscalls/absent: this kernel has no such tracepoint',
  });
});

test('without tracefs the error says how to mount it', () => {
  using pins = makePinPath('tracefs');
  const hide = 'mount -t tmpfs none /sys/kernel/tracing && mount -t tmpfs none /sys/kernel/debug';
  expect(inMountNamespace(hide, pins.path)).toEqual({
    before: 0,
    error:
      'attach program traced to tracepoint syscalls/sys_enter_kill: no tracefs; mount it: mount -t tracefs tracefs /sys/kernel/tracing',
  });
});
