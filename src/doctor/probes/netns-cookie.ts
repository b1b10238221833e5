/** Do BPF programs and SO_NETNS_COOKIE give a network namespace the same number? 127.0.0.1 exists in each. */
import { netnsCookie } from '../../bpf/netns.ts';
import { ShuntError } from '../../errors.ts';
import type { Probe } from '../probe.ts';

export const netnsCookieProbe: Probe = {
  id: 'netns-cookie',
  title: 'namespace cookies: net_cookie, SO_NETNS_COOKIE',
  expected: 'equal',
  means: 'equal addresses in two namespaces are told apart by a number that is never reused',
  staysOff: 'nothing: the inode number of the namespace is used, which is unique among the living',
  kernel: 'SO_NETNS_COOKIE is from 5.14 (e8b9eab9, "net: retrieve netns cookie via getsocketopt")',
  disables: 'nothing',
  async observe(lab) {
    const wanted = askSocket(lab.netns);
    if (wanted === undefined) return 'no SO_NETNS_COOKIE';
    const { client } = await lab.promotedPair();
    const scope = lab.fastPath.flow((await client.do('cookie')).bytes)?.key.scope;
    return scope === wanted ? 'equal' : `scope is ${scope}, SO_NETNS_COOKIE ${wanted}`;
  },
};

const ENOPROTOOPT = 92;

function askSocket(netns: string): bigint | undefined {
  try {
    return netnsCookie(netns);
  } catch (error) {
    if (error instanceof ShuntError && error.errno === ENOPROTOOPT) return undefined;
    throw error;
  }
}
