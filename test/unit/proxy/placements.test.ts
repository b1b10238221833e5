import { expect, test } from 'vitest';
import { PLACEMENTS, proxyOf, workloadsOf } from '../../../src/proxy/placements.ts';
import { testTopology, testWorkload } from '../../support/topology.ts';

test('one proxy serves all workloads of the node', () => {
  const { model } = testTopology({ workloads: ['a/x', 'b/y'] });
  expect(model.workloads.map((workload) => proxyOf(workload))).toEqual(['node', 'node']);
  expect(workloadsOf(model, 'node')).toEqual(model.workloads);
});

test.each(PLACEMENTS.filter((placement) => placement !== 'node'))('refuses placement %s by name', (placement) => {
  expect(() => proxyOf(testWorkload('a/x'), placement)).toThrow(
    `workload a/x: placement ${placement} is not supported; expected node`,
  );
});
