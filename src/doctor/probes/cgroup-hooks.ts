/** Is a connection captured: rewritten at connect, shown as asked for, and its original told to the proxy? */
import { Capture } from '../capture.ts';
import type { Probe } from '../probe.ts';
import { unlessRefused } from '../programs.ts';

export const cgroupHooks: Probe = {
  id: 'cgroup-hooks',
  title: 'cgroup hooks: connect, getpeername, getsockopt',
  expected: 'connect4, getpeername4, getsockopt4, connect6, getpeername6, getsockopt6',
  means: 'connections to Services are captured without iptables, unseen by the program',
  staysOff: '`shunt up`: without capture a policy could be gone around',
  kernel: 'needs 5.15: bpf_get_netns_cookie in sockops; getpeername is from 5.8 (1b66d253610c)',
  disables: 'nothing',
  observe: (lab) =>
    unlessRefused(async () => {
      using capture = Capture.attach(lab);
      const seen = [...(await capture.seen('')), ...(await capture.seen('::ffff:'))];
      return seen.length === 0 ? 'none' : seen.join(', ');
    }),
};
