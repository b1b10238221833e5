/** Can splice(2) be refused to a program? Whoever may splice must not be redirected to: see the probe `splice`. */
import { join } from 'node:path';
import type { Probe } from '../probe.ts';

const TIMEOUT_MS = 2_000;

export const spliceRefused: Probe = {
  id: 'splice-refused',
  title: 'seccomp filter for splice(2)',
  expected: 'EINVAL',
  means: 'a program that the fast path may redirect to falls back to recv(2)',
  staysOff: 'the fast path: readers that splice (Go, HAProxy) would hang',
  kernel: 'needs CONFIG_SECCOMP_FILTER; SECCOMP_FILTER_FLAG_SPEC_ALLOW is from 4.17 (00a02d0c502a)',
  disables: 'fast-path',
  async observe(lab) {
    return (await lab.native('refuse-splice', [join(lab.build.native, 'splice-abi'), 'native'], TIMEOUT_MS)).trim();
  },
};
