/** With bytes in both queues, TCP's and the redirected one: are those read first that were sent first? */
import { STEP_MS } from '../lab.ts';
import type { Probe } from '../probe.ts';
import { redirect, sendByTcp } from '../send.ts';

const BYTES = 1_000;

export const mixedQueue: Probe = {
  id: 'mixed-queue',
  title: 'both queues filled',
  expected: 'redirected first',
  means: 'a message may go by TCP after redirected ones that were not read yet',
  staysOff: 'the fast path: no message could fall back to TCP in order',
  kernel: 'tcp_bpf_recvmsg() in net/ipv4/tcp_bpf.c; the same on 5.10, 6.1, 6.12, 6.18 and 7.3',
  disables: 'fast-path',
  async observe(lab) {
    const pair = await lab.promotedPair();
    await redirect(lab, pair, BYTES);
    await sendByTcp(lab, pair, BYTES);
    const { bytes, wrong, error } = await pair.server.try('read', 2 * BYTES, STEP_MS);
    if (error !== '') return `${error} after ${bytes} of ${2 * BYTES} bytes`;
    return wrong === 0 ? 'redirected first' : `${wrong} of ${bytes} bytes out of order`;
  },
};
