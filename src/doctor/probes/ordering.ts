/** Do bytes stay in order when redirects begin while others are under way by TCP? A small race finds out. */
import type { Probe } from '../probe.ts';

/** Enough: without the handover about one end in ten reads a wrong byte. */
const CONNECTIONS = 400;
const BYTES_MAX = 24_000;
/** It takes a quarter of a second; an emulated machine 40 times that. */
const TIMEOUT_MS = 60_000;

interface Tally {
  readonly connections: number;
  readonly reordered: number;
  readonly lost: number;
  readonly failed: number;
  readonly stuck: number;
}

export const ordering: Probe = {
  id: 'ordering',
  title: 'exact handover under a race',
  expected: 'in order',
  means: 'no byte is overtaken when a connection enters the fast path',
  staysOff: 'the fast path: bytes would be reordered',
  kernel:
    'relies on copied_seq, which redirected bytes must not move: 35538dba51b4 ("bpf-fix-fionread-and-copied_seq-issues") mended cases of that',
  disables: 'fast-path',
  async observe(lab) {
    const { fastPath } = lab;
    await using _steered = await lab.steer();
    const before = { redirected: fastPath.messages('REDIRECTED'), handover: fastPath.messages('HANDOVER') };
    const words = ['--address', '127.0.0.1', '--connections', `${CONNECTIONS}`, '--bytes', `${BYTES_MAX}`];
    const tally = JSON.parse(await lab.native('race', words, TIMEOUT_MS)) as Tally;
    const { reordered, lost, failed, stuck } = tally;
    if (reordered + lost + failed + stuck > 0) {
      return `of ${tally.connections} connections: ${reordered} ends reordered, ${lost} lost, ${failed} failed, ${stuck} stuck`;
    }
    if (fastPath.messages('REDIRECTED') === before.redirected || fastPath.messages('HANDOVER') === before.handover) {
      throw new Error(`there was no race: ${fastPath.describeCounters()}`);
    }
    return 'in order';
  },
};
