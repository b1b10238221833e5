/** Does splice(2) from a socket deliver redirected bytes? */
import type { Probe } from '../probe.ts';
import { redirect } from '../send.ts';

const BYTES = 1_000;

export const splice: Probe = {
  id: 'splice',
  title: 'splice(2) of redirected bytes',
  expected: 'delivered',
  means: 'a promoted socket may be spliced from',
  staysOff: 'splice(2) itself, for programs that may be redirected to: it answers EINVAL',
  kernel:
    'tcp_bpf_prots has no splice_read; "bpf/sockmap: add splice support for tcp_bpf" (lore, March 2026) would add it',
  disables: 'nothing',
  async observe(lab) {
    const pair = await lab.promotedPair();
    await redirect(lab, pair, BYTES);
    const { bytes, error } = await pair.server.try('splice', BYTES);
    return bytes === BYTES ? 'delivered' : `${bytes} of ${BYTES} bytes${error === '' ? '' : `, ${error}`}`;
  },
};
