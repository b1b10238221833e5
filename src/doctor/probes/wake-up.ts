/** Is a promoted socket's reader woken by bytes that come by TCP? Each fallback to TCP relies on it. */
import { STEP_MS } from '../lab.ts';
import type { Probe } from '../probe.ts';

const ROUNDS = 300;
const BYTES = 64;

export const wakeUp: Probe = {
  id: 'wake-up',
  title: 'TCP bytes wake the reader of a promoted socket',
  expected: 'woken',
  means: 'a reader that waits in epoll hears of every message that went by TCP',
  staysOff: 'the fast path: connections would stall when a message goes by TCP',
  kernel:
    'reported lost with 929e30f93125 (6.6.128, 6.12.75, 6.18.14, 6.19 on): github.com/open-telemetry/opentelemetry-ebpf-instrumentation/issues/2827',
  disables: 'fast-path',
  async observe(lab) {
    const { client, server } = await lab.promotedPair();
    lab.fastPath.setPaused(true);
    try {
      const [, asked] = await Promise.all([
        server.try('echo', ROUNDS * BYTES, STEP_MS),
        client.try('ask', ROUNDS, BYTES, STEP_MS),
      ]);
      return asked.error === '' ? 'woken' : `${asked.error} after ${asked.bytes / BYTES} of ${ROUNDS} answers`;
    } finally {
      lab.fastPath.setPaused(false);
    }
  },
};
