/** May a tc program enter a socket in a socket hash? Promotion does nothing else. */
import type { Probe } from '../probe.ts';
import { loadAlone } from '../programs.ts';

export const tcUpdate: Probe = {
  id: 'tc-update',
  title: 'socket hash update from tc',
  expected: 'accepted',
  means: 'a connection can be promoted when its segments arrive',
  staysOff: 'the fast path: nothing can be promoted; capture and policy work',
  kernel:
    'accepted from 5.10 ("bpf: sockmap: Allow update from BPF"), refused from 7.x on: may_update_sockmap() in kernel/bpf/verifier.c lost BPF_PROG_TYPE_SCHED_CLS in 2026',
  disables: 'fast-path',
  observe: async ({ build }) => loadAlone(build, 'fastpath', 'promote'),
};
