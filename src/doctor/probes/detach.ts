/** What becomes of redirected bytes that nobody read when their socket is taken out of the socket hash? */
import { STEP_MS } from '../lab.ts';
import type { Probe } from '../probe.ts';
import { redirect } from '../send.ts';

const BYTES = 1_000;

export const detach: Probe = {
  id: 'detach',
  title: 'a socket leaves the socket hash with unread bytes',
  expected: 'kept',
  means: 'a connection may be taken off the fast path at any moment',
  staysOff: 'taking live sockets out: `pause` and `down` stop redirects, sockets leave when they close',
  kernel: 'net/core/skmsg.c: a socket that leaves its last map loses its sk_psock, and the queue with it',
  disables: 'nothing',
  async observe(lab) {
    const pair = await lab.promotedPair();
    await redirect(lab, pair, BYTES);
    const flow = lab.fastPath.flow((await pair.server.do('cookie')).bytes);
    if (flow === undefined || !lab.fastPath.forget(flow.key)) throw new Error('the reader is not in the socket hash');
    // what the client closes with is an end, so that the reader need not wait for bytes that are gone
    await pair.client.do('close');
    const { bytes } = await pair.server.try('read', BYTES, STEP_MS);
    return bytes === BYTES ? 'kept' : `${BYTES - bytes} of ${BYTES} bytes thrown away`;
  },
};
