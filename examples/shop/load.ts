/**
 * The load generator of the shop, a workload of the mesh: customers at a steady pace, uploads, and an intruder. It knows of
 * each request what the policy must do with it. One JSON line a second to standard output and to LOAD_REPORT_FILE; the
 * environment is in load/settings.ts. SIGTERM ends it when what is on its way has been answered.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Customer } from './load/customer.ts';
import { Intruder } from './load/intruder.ts';
import type { LoadReport } from './load/report.ts';
import { readSettings } from './load/settings.ts';
import { Tally } from './load/tally.ts';
import { Uploads } from './load/uploads.ts';

const REPORT_INTERVAL_MS = 1000;
const READY_RETRY_MS = 100;

const settings = readSettings(process.env);
const tally = new Tally();
const uploads = new Uploads(settings);
const intruder = new Intruder(settings);
const stop = new AbortController();
let readySince: number | undefined;

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
const reporting = setInterval(report, REPORT_INTERVAL_MS);

await untilReady();
readySince = performance.now();
const customers = Array.from({ length: settings.connections }, () => new Customer(settings, tally));
await Promise.all([...customers, uploads, intruder].map((one) => one.run(stop.signal)));
clearInterval(reporting);
report();

/** Both Services answer, and what is behind them: only then does a failure mean something. */
async function untilReady(): Promise<void> {
  const probe = new Customer(settings, tally);
  const answers = async (target: 'web' | 'api', path: string): Promise<boolean> =>
    (await probe.send({ target, method: 'GET', path }).catch(() => undefined))?.status === 200;
  while (!stop.signal.aborted && !((await answers('api', '/items/0')) && (await answers('web', '/items/0')))) {
    await delay(READY_RETRY_MS);
  }
  const ended = new AbortController();
  ended.abort();
  await probe.run(ended.signal);
}

function report(): void {
  const lastError = tally.lastError ?? uploads.lastError ?? intruder.lastError;
  const line: LoadReport = {
    time: new Date().toISOString(),
    ready: readySince !== undefined,
    seconds: readySince === undefined ? 0 : (performance.now() - readySince) / 1000,
    counts: tally.counts,
    latency: tally.latency(),
    interval: tally.takeInterval(),
    uploads: uploads.counts,
    intruder: intruder.counts,
    ...(lastError === undefined ? {} : { lastError }),
  };
  const text = `${JSON.stringify(line)}\n`;
  process.stdout.write(text);
  if (settings.reportFile !== undefined) appendFileSync(settings.reportFile, text);
}
