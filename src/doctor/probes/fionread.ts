/** Does FIONREAD count what waits in each of the two queues? Some readers (nginx) stop reading when it says 0. */
import { systemClock } from '../../clock.ts';
import { type Pair, STEP_MS } from '../lab.ts';
import type { Probe } from '../probe.ts';
import { redirect, sendByTcp } from '../send.ts';

const BYTES = 1_000;

const said = (bytes: number): string => (bytes === BYTES ? 'counted' : `${bytes} of ${BYTES}`);

/** 0 must mean "not counted", not "not there yet". */
async function arrived({ server }: Pair): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + STEP_MS;
  while ((await server.do('peek', BYTES)).bytes < BYTES) {
    if (systemClock.monotonicMs() > deadlineMs)
      throw new Error(`${BYTES} bytes sent by TCP did not arrive in ${STEP_MS} ms`);
  }
}

export const fionreadRedirected: Probe = {
  id: 'fionread-redirected',
  title: 'FIONREAD of redirected bytes',
  expected: 'counted',
  means: 'a reader that asks how much there is hears of redirected bytes',
  staysOff:
    'edge-triggered readers that are not known to be greedy, as always; a reader that takes FIONREAD for the truth needs `fastPath: off`',
  kernel: 'counted since 929e30f93125 ("bpf, sockmap: Fix FIONREAD for sockmap"; 6.6.128, 6.12.75, 6.18.14, 6.19 on)',
  disables: 'nothing',
  async observe(lab) {
    const pair = await lab.promotedPair();
    await redirect(lab, pair, BYTES);
    return said((await pair.server.do('unread')).bytes);
  },
};

export const fionreadNative: Probe = {
  id: 'fionread-native',
  title: 'FIONREAD of TCP bytes of a promoted socket',
  expected: 'counted',
  means: 'a reader that asks how much there is hears of what came by TCP',
  staysOff:
    'edge-triggered readers, also as senders: they are never in the socket hash; a level-triggered reader that takes FIONREAD for the truth needs `fastPath: off`',
  kernel:
    'lost with 929e30f93125 (6.6.128, 6.12.75, 6.18.14, 6.19 on), mended by 04af4efde58a ("bpf, sockmap: Account for receive queue in FIONREAD without a verdict program", July 2026)',
  disables: 'nothing',
  async observe(lab) {
    const pair = await lab.promotedPair();
    await sendByTcp(lab, pair, BYTES);
    await arrived(pair);
    return said((await pair.server.do('unread')).bytes);
  },
};
