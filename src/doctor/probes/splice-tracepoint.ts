/** Does splice(2) from a socket show in the tracepoint? Whoever splices must not be promoted: see the probe `splice`. */
import { maps } from '../../generated/abi.ts';
import type { Probe } from '../probe.ts';
import { loadOnly, unlessRefused } from '../programs.ts';

export const spliceTracepoint: Probe = {
  id: 'splice-tracepoint',
  title: 'tracepoint sys_enter_splice',
  expected: 'seen',
  means: 'a socket that is spliced from is known, and never promoted',
  staysOff: 'the fast path: readers that splice (Go, HAProxy) would hang',
  kernel:
    'from 5.15 (links of tracepoints), with CONFIG_FTRACE_SYSCALLS; needs tracefs: mount -t tracefs tracefs /sys/kernel/tracing',
  disables: 'fast-path',
  observe: (lab) =>
    unlessRefused(async () => {
      using object = loadOnly(lab.build, 'fastpath', ['splice_seen']);
      using _link = object.program('splice_seen').attachTracepoint('syscalls', 'sys_enter_splice');
      const { client, server } = await lab.pair(['level', 'level']);
      await client.do('write', 64);
      await server.try('splice', 64);
      return object.map(maps.spliced).keys().length > 0 ? 'seen' : 'not seen';
    }),
};
