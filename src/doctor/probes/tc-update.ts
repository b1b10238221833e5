/** May a tc program enter a socket in a socket hash? It sees each segment, so nothing promotes sooner. */
import type { Probe } from '../probe.ts';
import { loadAlone } from '../programs.ts';

export const tcUpdate: Probe = {
  id: 'tc-update',
  title: 'socket hash update from tc',
  expected: 'accepted',
  means: 'a connection can be promoted when its segments arrive',
  staysOff:
    'promotion by tc: an iterator of the supervisor does it, some milliseconds later, where iterator-update says supported',
  kernel:
    'accepted from 5.10 ("bpf: sockmap: Allow update from BPF"), refused from 7.x on: may_update_sockmap() in kernel/bpf/verifier.c lost BPF_PROG_TYPE_SCHED_CLS in 2026',
  disables: 'promotion',
  observe: async ({ build }) => loadAlone(build, 'fastpath', 'promote'),
};
