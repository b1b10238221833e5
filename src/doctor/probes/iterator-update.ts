/** May an iterator enter a socket in a socket hash, and take it from the list of those that wait? The way where tc may not. */
import { MapIterator } from '../../bpf/iterator.ts';
import { maps } from '../../generated/abi.ts';
import type { Probe } from '../probe.ts';
import { loadOnly, unlessRefused } from '../programs.ts';

export const iteratorUpdate: Probe = {
  id: 'iterator-update',
  title: 'socket hash update from an iterator',
  expected: 'accepted',
  means: 'a connection can be promoted by the supervisor, woken when its segments arrive',
  staysOff:
    'promotion by the supervisor, and with it the fast path where tc-update is not supported; capture and policy work',
  kernel:
    'sockets: 5.10 (0126240f448d, "bpf: sockmap: Allow update from BPF"); their storage in iterators: later, refused on 5.10; seen to be accepted on 6.18 and 7.3',
  disables: 'promotion',
  observe: ({ build }) =>
    unlessRefused(() => {
      using object = loadOnly(build, 'fastpath', ['nominate', 'enter']);
      using iterator = MapIterator.attach(object.program('enter'), object.map(maps.wanted));
      iterator.run();
      return 'accepted';
    }),
};
