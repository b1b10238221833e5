/** Do BPF programs and SO_COOKIE give a socket the same number? The peer is proven, and flows are named, by it. */
import type { Probe } from '../probe.ts';

export const cookie: Probe = {
  id: 'socket-cookie',
  title: 'socket cookies: bpf_get_socket_cookie, SO_COOKIE',
  expected: 'equal',
  means: 'a socket is told from one that was freed, and named in `shunt flows`',
  staysOff: 'the fast path: bytes could go to a stranger at a reused address',
  kernel:
    'one counter for all namespaces since cd48bdda4fb8 ("sock: make cookie generation global instead of per netns")',
  disables: 'fast-path',
  async observe(lab) {
    const { client, server } = await lab.promotedPair();
    const [ours, theirs] = [(await client.do('cookie')).bytes, (await server.do('cookie')).bytes];
    const flow = lab.fastPath.flow(ours);
    if (flow === undefined) return `no flow has the socket's SO_COOKIE ${ours}`;
    return flow.peerCookie === BigInt(theirs) ? 'equal' : `peer is ${flow.peerCookie}, its SO_COOKIE ${theirs}`;
  },
};
