import { describe, expect, test } from 'vitest';
import { type ChainOptions, type ChainTools, chainOf } from '../../../src/workload/chain.ts';

const TOOLS: ChainTools = {
  nsenter: '/nsenter',
  unshare: '/unshare',
  sh: '/sh',
  mount: '/mount',
  refuseSplice: '/refuse-splice',
  setpriv: '/setpriv',
  env: '/env',
};
const OPTIONS: ChainOptions = {
  netnsPath: '/run/netns/n',
  cgroup: '/cg/w',
  hostsFile: '/hosts',
  resolvConfFile: '/resolv',
  splice: 'refused',
  env: {},
  runHash: 'h',
  program: '/bin/app',
  args: ['--flag', '$(rm -rf /)', 'a b'],
};
const NOBODY = { name: 'nobody', uid: 65534, gid: 65533, home: '/', shell: '/bin/false' };

/** The arguments after the shell's fixed text and its name. */
function afterShell(options: Partial<ChainOptions>): string[] {
  const { args } = chainOf(TOOLS, { ...OPTIONS, ...options });
  return args.slice(args.indexOf('-c') + 3);
}

describe('the chain into a workload', () => {
  test('enters the namespace first, then leaves its mounts to itself', () => {
    const { file, args } = chainOf(TOOLS, OPTIONS);
    expect([file, ...args.slice(0, 7)]).toEqual([
      '/nsenter',
      '--net=/run/netns/n',
      '--',
      '/unshare',
      '--mount',
      '--propagation=slave',
      '--',
      '/sh',
    ]);
  });

  test('gives the shell only arguments: its text is the same for every command', () => {
    const text = (options: ChainOptions) => chainOf(TOOLS, options).args[8];
    expect(text(OPTIONS)).toBe(text({ ...OPTIONS, program: '/other', args: [], cgroup: '"; reboot', env: { A: 'b' } }));
    expect(afterShell({})).toEqual([
      '/cg/w',
      '/mount',
      '/hosts',
      '/resolv',
      '/refuse-splice',
      '/env',
      'SHUNT_RUN_HASH=h',
      '/bin/app',
      '--flag',
      '$(rm -rf /)',
      'a b',
    ]);
  });

  test('drops to the account and gives up privileges for good, right before the program', () => {
    expect(afterShell({ account: NOBODY }).slice(5, 13)).toEqual([
      '/setpriv',
      '--reuid=65534',
      '--regid=65533',
      '--init-groups',
      '--inh-caps=-all',
      '--no-new-privs',
      '--',
      '/env',
    ]);
  });

  test('takes splice(2) away while it is root, and only where that is wanted', () => {
    expect(afterShell({ account: NOBODY }).slice(4, 6)).toEqual(['/refuse-splice', '/setpriv']);
    expect(afterShell({ splice: 'allowed' })).not.toContain('/refuse-splice');
  });

  test('keeps variables out of the arguments, which everybody can read', () => {
    const { args, env } = chainOf(TOOLS, { ...OPTIONS, env: { PASSWORD: 'secret', PATH: '/opt/bin' } });
    expect(env).toEqual({ PASSWORD: 'secret', PATH: '/opt/bin' });
    expect(args.join(' ')).not.toContain('secret');
  });

  test.each([
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'GLIBC_TUNABLES',
    'MALLOC_ARENA_MAX',
    'IFS',
    'ENV',
    'WITH.DOT',
    '1ST',
    'A\nB',
  ])('sets %j only for the program', (name) => {
    const chain = chainOf(TOOLS, { ...OPTIONS, account: NOBODY, env: { [name]: 'x', KEPT: 'y' } });
    expect(chain.env).toEqual({ KEPT: 'y' });
    expect(chain.args.indexOf(`${name}=x`)).toBe(chain.args.indexOf('/env') + 1);
  });
});
