/** Are subflows of Multipath TCP kept out of the socket hash? Their sequence numbers are not those of the stream. */
import type { Probe } from '../probe.ts';

const IPPROTO_MPTCP = 262;

export const mptcp: Probe = {
  id: 'mptcp',
  title: 'Multipath TCP is refused',
  expected: 'refused',
  means: 'a Multipath TCP connection is seen and left alone',
  staysOff: 'the fast path: a subflow in a socket hash breaks its connection',
  kernel:
    'is_mptcp is read on every version; the kernel itself refuses since "mptcp: Disallow MPTCP subflows from sockmap" (November 2025, in stable kernels too)',
  disables: 'fast-path',
  async observe(lab) {
    const { fastPath } = lab;
    const before = { promoted: fastPath.count('PROMOTED'), refused: fastPath.count('REFUSED_MPTCP') };
    const isRefused = (): boolean => fastPath.count('REFUSED_MPTCP') > before.refused;
    try {
      const pair = await lab.pair(['level', 'level'], async ({ client, server }) => {
        for (const peer of [client, server]) await peer.do('protocol', IPPROTO_MPTCP);
      });
      await lab.converse(pair, isRefused);
    } catch (error) {
      // without MPTCP in the kernel there is nothing to refuse
      if (/EPROTONOSUPPORT|ENOPROTOOPT|EINVAL/.test((error as Error).message)) return 'refused';
      throw error;
    }
    const promoted = fastPath.count('PROMOTED') - before.promoted;
    if (promoted > 0) return `${promoted} sockets promoted`;
    return isRefused() ? 'refused' : 'neither promoted nor seen as MPTCP';
  },
};
