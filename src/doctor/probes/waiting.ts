/** Can programs see how a socket is waited for? ep_poll_callback and pollwake tell epoll and poll(2) apart. */
import type { Lab } from '../lab.ts';
import type { Probe } from '../probe.ts';

/** Level, poll: promoted when seen. Edge: refused when seen. A reader in poll(2) is seen only while it waits. */
async function isSeen(lab: Lab, how: 'level' | 'edge' | 'poll'): Promise<boolean> {
  const counter = how === 'edge' ? 'REFUSED_EDGE' : 'LINKED';
  const before = lab.fastPath.count(counter);
  const isCounted = (): boolean => lab.fastPath.count(counter) > before;
  await lab.converse(await lab.pair(['level', how]), isCounted);
  return isCounted();
}

export const waiting: Probe = {
  id: 'epoll-visible',
  title: 'how readers wait: ep_poll_callback, pollwake',
  expected: 'level, edge, poll',
  means: 'level-triggered readers are told from edge-triggered ones, which may stop at a short read',
  staysOff: 'promotion of every reader that fastPath.greedyReaders does not name',
  kernel: 'every version tried (6.1, 6.18); /proc/kallsyms gives the addresses unless kernel.kptr_restrict is 2',
  disables: 'nothing',
  async observe(lab) {
    const seen: string[] = [];
    for (const how of ['level', 'edge', 'poll'] as const) if (await isSeen(lab, how)) seen.push(how);
    return seen.length === 0 ? 'none' : seen.join(', ');
  },
};
