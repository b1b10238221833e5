import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { checkout, setUp } from './set-up.ts';

/** What a set-up could change: name, size and time of change of each file that it makes, and of the services' policy. */
function made(): string[] {
  const files = [
    '.deps/envoy',
    'build/bpf',
    'build/native',
    'src/generated',
    'node_modules/.bin',
    'node_modules',
  ].flatMap((directory) => readdirSync(join(checkout, directory)).map((name) => join(checkout, directory, name)));
  const described = files.map((file) => {
    const { size, mtimeMs, ino } = lstatSync(file);
    return `${file} ${size} ${mtimeMs} ${ino}`;
  });
  return [...described, readdirSync('/usr/sbin').join(), readFileSync('/var/lib/dpkg/status', 'utf8')];
}

// the first run; `npm test` made it already, unless sources were edited since
beforeAll(() => {
  expect(setUp({ directory: checkout }).status).toBe(0);
});

it('does nothing, says so in one line and takes less than 3 s', () => {
  const before = made();
  const outcome = setUp({ directory: checkout });
  expect(outcome.lines).toEqual(['setup: everything is in place']);
  expect(outcome.status).toBe(0);
  expect(outcome.durationMs).toBeLessThan(3000);
  expect(made()).toEqual(before);
});

it('needs no network when nothing is missing', () => {
  const outcome = setUp({ directory: checkout, offline: true });
  expect(outcome.lines).toEqual(['setup: everything is in place']);
  expect(outcome.status).toBe(0);
});

it('prints nothing on standard output, which belongs to the command that called it', () => {
  expect(setUp({ directory: checkout }).stdout).toBe('');
});

it('mounts bpffs where it is not mounted', () => {
  const outcome = setUp({
    directory: checkout,
    before: 'while mountpoint -q /sys/fs/bpf; do umount -l /sys/fs/bpf; done',
  });
  expect(outcome.lines).toEqual(['setup: mounted bpf on /sys/fs/bpf']);
  expect(outcome.status).toBe(0);
});

it('finds cgroup v2 wherever it is mounted', () => {
  const outcome = setUp({
    directory: checkout,
    before: `mkdir /tmp/shunt-setup-cgroup2.$$
      awk '$3 == "cgroup2" { print $2 }' /proc/mounts | while read -r target; do umount -l "$target"; done
      mount -t cgroup2 none /tmp/shunt-setup-cgroup2.$$
      trap 'rmdir /tmp/shunt-setup-cgroup2.$$' EXIT
      "$0/scripts/setup"; umount /tmp/shunt-setup-cgroup2.$$; exit`,
  });
  expect(outcome.lines).toEqual(['setup: everything is in place']);
  expect(outcome.status).toBe(0);
});
