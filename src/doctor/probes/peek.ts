/** Does MSG_PEEK see redirected bytes and leave them? */
import { STEP_MS } from '../lab.ts';
import type { Probe } from '../probe.ts';
import { redirect } from '../send.ts';

const BYTES = 1_000;

export const peek: Probe = {
  id: 'peek',
  title: 'MSG_PEEK of redirected bytes',
  expected: 'seen and kept',
  means: 'a reader that looks at the first bytes before it decides is served',
  staysOff: 'the fast path: readers that peek would lose bytes or hang',
  kernel: 'tcp_bpf_recvmsg() in net/ipv4/tcp_bpf.c; the same on 5.10, 6.1, 6.12, 6.18 and 7.3',
  disables: 'fast-path',
  async observe(lab) {
    const pair = await lab.promotedPair();
    await redirect(lab, pair, BYTES);
    const peeked = await pair.server.try('peek', BYTES);
    if (peeked.bytes !== BYTES || peeked.wrong > 0)
      return `${peeked.bytes} of ${BYTES} bytes seen, ${peeked.wrong} wrong`;
    const read = await pair.server.try('read', BYTES, STEP_MS);
    return read.bytes === BYTES && read.wrong === 0 ? 'seen and kept' : `${read.bytes} of ${BYTES} bytes kept`;
  },
};
