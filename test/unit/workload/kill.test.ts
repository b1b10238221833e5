import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killCgroup } from '../../../src/workload/cgroup.ts';

/** A directory with the files of a cgroup of a kernel before 5.14, which has no cgroup.kill. */
function oldCgroup(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shunt-cgroup-'));
  mkdirSync(join(dir, 'child'));
  return dir;
}

function write(dir: string, pids: readonly number[]): void {
  writeFileSync(join(dir, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  writeFileSync(join(dir, 'cgroup.events'), `populated ${pids.length > 0 ? 1 : 0}\nfrozen 0\n`);
}

test('without cgroup.kill each process is killed, those below too, and those that appear meanwhile', async () => {
  const dir = oldCgroup();
  try {
    const [first, second] = [spawn('sleep', ['60']), spawn('sleep', ['60'])];
    const exits: NodeJS.Signals[] = [];
    // The second is what the first forked before it died.
    first.once('exit', (_, signal) => {
      exits.push(signal as NodeJS.Signals);
      write(join(dir, 'child'), []);
      write(dir, [second.pid as number]);
    });
    second.once('exit', (_, signal) => {
      exits.push(signal as NodeJS.Signals);
      write(dir, []);
    });
    write(join(dir, 'child'), [first.pid as number]);
    write(dir, []);
    writeFileSync(join(dir, 'cgroup.events'), 'populated 1\nfrozen 0\n');
    await killCgroup(dir);
    expect(exits).toEqual(['SIGKILL', 'SIGKILL']);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a process that does not die is named after the time is up', async () => {
  const dir = oldCgroup();
  try {
    write(dir, [999_999_999]);
    await expect(killCgroup(dir, 60)).rejects.toMatchObject({
      code: 'E_TIMEOUT',
      message: `cgroup ${dir}: still holds processes 999999999 after 60 ms of SIGKILL`,
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
