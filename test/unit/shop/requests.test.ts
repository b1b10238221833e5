import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextRequest, type PlannedRequest } from '../../../examples/shop/load/requests.ts';
import { writeMesh } from '../../../examples/shop/start/scratch.ts';
import { loadModel } from '../../../src/config/load.ts';
import type { Topology } from '../../../src/config/topology.ts';
import { evaluateConnection, evaluateRequest } from '../../../src/policy/evaluate.ts';
import { testTopology } from '../../support/topology.ts';

const directory = mkdtempSync(join(tmpdir(), 'shunt-test-shop-'));
const values = {
  NODE: '/usr/bin/node',
  SHOP_DIR: '/srv/a "quoted" checkout',
  WEB_DIR: '/tmp/web',
  CACHE_DIR: '/tmp/cache',
  REPORT_FILE: '/tmp/report',
  LOAD_RATE: '300',
  LOAD_CONNECTIONS: '8',
};

/** Each request of the mix, once. */
function kinds(): PlannedRequest[] {
  const steps = Array.from({ length: 1000 }, (_, step) => nextRequest(() => step / 1000));
  return [...new Map(steps.map((request) => [`${request.method} ${request.target}${request.path}`, request])).values()];
}

/** Addresses do not matter to a policy. */
function shopTopology(): Topology {
  return { ...testTopology({ workloads: [] }), model: loadModel([join(directory, 'mesh')]) };
}

beforeAll(() => writeMesh(join(directory, 'mesh'), values));
afterAll(() => rmSync(directory, { recursive: true }));

describe('the mesh of the shop', () => {
  it('is accepted by the configuration reader', () => {
    const model = loadModel([join(directory, 'mesh')]);
    expect(model.workloads.map(({ name }) => name)).toEqual(['api', 'cache', 'load', 'web']);
    expect(model.services.map(({ name }) => name)).toEqual(['api', 'cache', 'web']);
  });

  it('keeps paths with quotes and spaces in one argument', () => {
    const model = loadModel([join(directory, 'mesh')]);
    const api = model.workloads.find(({ name }) => name === 'api');
    expect(api?.run?.command).toEqual(['/usr/bin/node', '/srv/a "quoted" checkout/api.ts']);
  });

  it('refuses a name without a value', () => {
    expect(() => writeMesh(join(directory, 'incomplete'), { NODE: '/usr/bin/node' })).toThrow(
      /no value for \$\{[A-Z_]+\}/,
    );
  });
});

describe('the load generator', () => {
  it('expects of every request what its policies say', () => {
    const topology = shopTopology();
    const allows = (source: `${string}/${string}`, { target, method, path }: PlannedRequest): boolean =>
      evaluateRequest(topology, { source, destination: `default/${target}`, port: 8080, method, path }).allowed;
    for (const request of kinds()) {
      // what web passes on is asked again, in its name
      const isPassedOn = request.target === 'web' && /^\/(items|admin)/.test(request.path);
      const allowed =
        allows('default/load', request) && (!isPassedOn || allows('default/web', { ...request, target: 'api' }));
      expect([request.method, request.target, request.path, allowed ? 'allow' : 'deny']).toEqual([
        request.method,
        request.target,
        request.path,
        request.expect,
      ]);
    }
  });

  it('asks for things of both kinds and knows the body of each allowed one', () => {
    const all = kinds();
    expect(all.filter(({ expect: expected }) => expected === 'deny').length).toBeGreaterThan(3);
    const allowed = all.filter(({ expect: expected }) => expected === 'allow');
    expect(allowed.length).toBeGreaterThan(2);
    expect(allowed.every(({ body }) => (body ?? '').length > 1000)).toBe(true);
  });

  it('may not connect to the cache, while the api may', () => {
    const topology = shopTopology();
    const cache = { destination: 'default/cache', port: 6379 } as const;
    expect(evaluateConnection(topology, { source: 'default/load', ...cache }).allowed).toBe(false);
    expect(evaluateConnection(topology, { source: 'default/web', ...cache }).allowed).toBe(false);
    expect(evaluateConnection(topology, { source: 'default/api', ...cache }).allowed).toBe(true);
  });
});
