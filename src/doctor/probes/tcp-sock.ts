/** May a program read the kernel's struct tcp_sock of a socket? The exact handover compares sequence numbers in it. */
import type { Probe } from '../probe.ts';
import { loadAlone } from '../programs.ts';

export const tcpSock: Probe = {
  id: 'tcp-sock',
  title: 'bpf_skc_to_tcp_sock in sk_msg',
  expected: 'accepted',
  means: 'the verdict can compare what was sent with what was read',
  staysOff: 'the fast path: without sequence numbers bytes would be reordered',
  kernel: 'the helper is from 5.9 (478cfbdf5f13); tried in sk_msg from 5.10 on',
  disables: 'fast-path',
  observe: async ({ build }) => loadAlone(build, 'fastpath', 'redirect'),
};
