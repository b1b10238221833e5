import { expect, it, onTestFinished } from 'vitest';
import type { Workload } from '../../../src/config/model.ts';
import type { Instance } from '../../../src/instance.ts';
import { createLogger } from '../../../src/log.ts';
import { WorkloadRunner } from '../../../src/supervisor/workload-runner.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** No cgroup is there: nothing runs in the workload. */
const INSTANCE = { name: 'unit', workloadsCgroup: '/nonexistent/workloads' } as Instance;

const AD_HOC: Workload = {
  key: 'default/run-1',
  name: 'run-1',
  namespace: 'default',
  labels: {},
  serviceAccount: 'default',
  fastPath: 'auto',
};

function runner(clock: ManualClock): { readonly made: WorkloadRunner; readonly empty: string[] } {
  const empty: string[] = [];
  const log = createLogger({ write: () => undefined, clock });
  const made = new WorkloadRunner(INSTANCE, log, clock, {
    empty: (key) => void empty.push(key),
    started: () => undefined,
  });
  onTestFinished(() => made.release());
  return { made, empty };
}

it('gives up an ad-hoc workload whose `shunt run` died before it started anything', async () => {
  const clock = new ManualClock();
  const { made, empty } = runner(clock);
  await made.ensure(AD_HOC);
  await clock.advance(29_000);
  expect(empty).toEqual([]);
  await clock.advance(2000);
  expect(empty).toEqual(['default/run-1']);
});

it('forgets an ad-hoc workload that was removed in time', async () => {
  const clock = new ManualClock();
  const { made, empty } = runner(clock);
  await made.ensure(AD_HOC);
  await made.remove('default/run-1');
  await clock.advance(60_000);
  expect(empty).toEqual([]);
});
