import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bareCopy, checkout, type Outcome, setUp, withNpmPackages } from './set-up.ts';

/**
 * A set-up in which nginx is missing and apt "installs" it. The machine's /usr/sbin is replaced by a directory of links
 * (in a private mount namespace), so that the real policy-rc.d is never touched.
 */
function installNginx(directory: string, policy: string | undefined, aptInstall: string): Outcome {
  const sbin = join(directory, 'sbin');
  mkdirSync(sbin);
  mkdirSync(join(directory, 'real-sbin'));
  const apt = join(directory, 'apt-get');
  writeFileSync(apt, `#!/bin/bash\ncase "$*" in *--download-only*|*update*) exit 0 ;; esac\n${aptInstall}\n`);
  chmodSync(apt, 0o755);
  // records what it is told, so that no service of this machine is touched
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'bin/systemctl'), `#!/bin/sh\necho "$*" >>${directory}/systemctl\n`, { mode: 0o755 });
  if (policy !== undefined) writeFileSync(join(sbin, 'policy-rc.d'), policy, { mode: 0o755 });
  return setUp({
    directory,
    before: `${withNpmPackages(directory)}
      mount --bind /usr/sbin ${directory}/real-sbin
      for tool in ${directory}/real-sbin/*; do
        case $tool in */nginx | */policy-rc.d*) ;; *) ln -s "$tool" ${sbin}/ ;; esac
      done
      mount --bind ${sbin} /usr/sbin
      mount --bind ${apt} /usr/bin/apt-get`,
    environment: {
      SHUNT_ENVOY: join(checkout, '.deps/envoy/envoy/_bin/envoy'),
      PATH: `${directory}/bin:${process.env.PATH}`,
    },
  });
}

const policies = (directory: string): string[] =>
  readdirSync(join(directory, 'sbin')).filter((name) => name.startsWith('policy-rc.d'));

const install = (directory: string): string =>
  `/usr/sbin/policy-rc.d nginx start; echo $? >${directory}/verdict; ln -s ${directory}/real-sbin/nginx /usr/sbin/nginx`;
const theirs = '#!/bin/sh\n# the administrator\nexit 104\n';

describe('the packages of servers', () => {
  it('are installed with their services forbidden to start, now and at boot, and what was the policy before is the policy after', () => {
    using copy = bareCopy();
    const outcome = installNginx(copy.directory, theirs, install(copy.directory));
    expect(outcome.lines).toEqual(['setup: installed Debian packages: nginx']);
    expect(readFileSync(join(copy.directory, 'verdict'), 'utf8')).toBe('101\n');
    expect(readFileSync(join(copy.directory, 'sbin/policy-rc.d'), 'utf8')).toBe(theirs);
    expect(policies(copy.directory)).toEqual(['policy-rc.d']);
    expect(readFileSync(join(copy.directory, 'systemctl'), 'utf8')).toBe('disable nginx\n');
  });

  it('leave no policy behind where there was none', () => {
    using copy = bareCopy();
    const outcome = installNginx(copy.directory, undefined, install(copy.directory));
    expect(outcome.lines).toEqual(['setup: installed Debian packages: nginx']);
    expect(policies(copy.directory)).toEqual([]);
  });

  it('restore the policy when apt fails', () => {
    using copy = bareCopy();
    const outcome = installNginx(copy.directory, theirs, 'echo "E: Sub-process returned an error code"; exit 100');
    expect(outcome.lines).toEqual([
      expect.stringMatching(/^setup: cannot install Debian packages \(nginx\): E: Sub-process/),
    ]);
    expect(outcome.status).toBe(1);
    expect(readFileSync(join(copy.directory, 'sbin/policy-rc.d'), 'utf8')).toBe(theirs);
    expect(policies(copy.directory)).toEqual(['policy-rc.d']);
  });

  it('restore the policy after a run that was killed half-way', () => {
    using copy = bareCopy();
    // the first call of apt kills the set-up; the second run finds what it left
    const killed = installNginx(copy.directory, theirs, 'kill -9 $PPID');
    expect(killed.status).not.toBe(0);
    expect(policies(copy.directory)).toEqual(['policy-rc.d', 'policy-rc.d.before-shunt']);
    const outcome = setUp({
      directory: copy.directory,
      before: `mount --bind ${checkout}/node_modules ${copy.directory}/node_modules
        mount --bind /usr/sbin ${copy.directory}/real-sbin
        ln -s ${copy.directory}/real-sbin/nginx ${copy.directory}/sbin/
        mount --bind ${copy.directory}/sbin /usr/sbin`,
      environment: { SHUNT_ENVOY: join(checkout, '.deps/envoy/envoy/_bin/envoy') },
    });
    expect(outcome.lines).toEqual(['setup: everything is in place']);
    expect(readFileSync(join(copy.directory, 'sbin/policy-rc.d'), 'utf8')).toBe(theirs);
    expect(policies(copy.directory)).toEqual(['policy-rc.d']);
  });
});
