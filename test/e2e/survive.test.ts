import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesOf } from '../../src/workload/cgroup.ts';
import { type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO, LOAD } from './resources.ts';

interface LoadResult {
  readonly allowed: number;
  readonly denied: number;
  readonly wrong: readonly string[];
  readonly failed: readonly string[];
}

describe('under load', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(documents(ECHO, LOAD));
    await waitFor('the load runs', () => current().allowed > 50);
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  function load(): LoadResult | undefined {
    const lines = readFileSync(join(mesh.instance.logDir, 'default.load.log'), 'utf8').trimEnd().split('\n');
    const last = lines.findLast((line) => line.startsWith('{') && line.endsWith('}'));
    return last === undefined ? undefined : (JSON.parse(last) as LoadResult);
  }

  function current(): LoadResult {
    return load() ?? { allowed: 0, denied: 0, wrong: [], failed: [] };
  }

  /** Waits until `count` more requests of each kind were answered; what went wrong since `from` (default: now). */
  async function more(count: number, from = current()): Promise<Pick<LoadResult, 'wrong' | 'failed'>> {
    const { allowed, denied } = current();
    return await waitFor(`${count} more requests`, () => {
      const now = current();
      if (now.allowed < allowed + count || now.denied < denied + count) return undefined;
      return { wrong: now.wrong, failed: now.failed.slice(from.failed.length) };
    });
  }

  it('the killed supervisor is missed by no request; the next one adopts all and counts on', async () => {
    const start = current();
    const before = await mesh.api.status();
    process.kill(before.supervisor.pid, 'SIGKILL');
    await waitFor('the supervisor is gone', async () => (await mesh.cli('status')).stderr.includes('E_NOT_RUNNING'));
    expect(await more(200, start)).toEqual({ wrong: [], failed: [] });

    const adopted = await mesh.ok('up', '-f', mesh.dir);
    expect(adopted.stdout).toContain('no change');
    const after = await mesh.api.status();
    expect(after.supervisor.pid).not.toBe(before.supervisor.pid);
    expect(after.envoy.pid).toBe(before.envoy.pid);
    expect(after.envoy.restarts).toBe(0);
    for (const [name, count] of Object.entries(before.counters)) {
      expect(after.counters[name], name).toBeGreaterThanOrEqual(count);
    }
    expect(after.counters['connect-captured']).toBeGreaterThan(0);
    expect(after.fastPath.redirectedBytes).toBeGreaterThan(before.fastPath.redirectedBytes);
    expect(await more(200, start)).toEqual({ wrong: [], failed: [] });
  });

  it('the killed Envoy is back within 2 s and no request ever bypasses policy', async () => {
    const start = current();
    const before = await mesh.api.status();
    const killedAt = Date.now();
    process.kill(before.envoy.pid ?? 0, 'SIGKILL');
    const after = await waitFor('another Envoy is ready', async () => {
      const now = await mesh.api.status();
      return now.envoy.state === 'ready' && now.envoy.pid !== before.envoy.pid ? now : undefined;
    });
    expect(after.envoy.restarts).toBe(before.envoy.restarts + 1);
    // The promise to users, not a benchmark: how long a client has to retry.
    expect(Date.now() - killedAt).toBeLessThan(2000);
    const end = await more(200, start);
    // Requests fail while no proxy is there (closed by default); none may get the wrong answer.
    expect(end.wrong).toEqual([]);
    // And once it is back, none fails.
    expect((await more(200)).failed).toEqual([]);
  });

  it('an Envoy that is to be started again is started once, whoever starts it', async () => {
    const log = (): string => readFileSync(join(mesh.instance.logDir, 'supervisor.log'), 'utf8');
    const waits = (): number => log().split('"waitMs":2000').length;
    const before = waits();
    // Deaths in a row lengthen the wait for the next start.
    await waitFor('a restart waits for 2 s', async () => {
      const { envoy } = await mesh.api.status();
      if (envoy.state === 'ready' && envoy.pid !== undefined) process.kill(envoy.pid, 'SIGKILL');
      return waits() > before;
    });
    // Envoy, started by this, is not ready yet when the wait ends.
    await delay(1500);
    await mesh.api.apply({ sources: [{ file: 'mesh.yaml', text: documents(ECHO, LOAD) }] });
    await waitFor('Envoy is ready', async () => (await mesh.api.status()).envoy.state === 'ready');
    await delay(2000);
    expect(processesOf(mesh.instance.envoyCgroup)).toHaveLength(1);
    expect((await more(100)).wrong).toEqual([]);
  });

  it('with supervisor and Envoy killed no request is let through; up brings both back and keeps the workloads', async () => {
    const start = current();
    const before = await mesh.api.status();
    const workloads = (await mesh.api.workloads()).map(({ key, pids }) => [key, pids]);
    process.kill(before.supervisor.pid, 'SIGKILL');
    process.kill(before.envoy.pid ?? 0, 'SIGKILL');
    await waitFor('requests fail', () => current().failed.length > start.failed.length + 5);
    expect(current().wrong).toEqual([]);
    await mesh.ok('up', '-f', mesh.dir);
    expect((await mesh.api.workloads()).map(({ key, pids }) => [key, pids])).toEqual(workloads);
    await more(100);
    expect(await more(100)).toEqual({ wrong: [], failed: [] });
  });

  it('pausing and resuming the fast path is seen by no request', async () => {
    const start = current();
    for (let round = 0; round < 5; round += 1) {
      await mesh.ok('pause');
      const paused = await mesh.api.status();
      await more(20);
      const later = await mesh.api.status();
      expect(later.fastPath.state).toBe('paused');
      expect(later.fastPath.redirectedBytes).toBe(paused.fastPath.redirectedBytes);
      await mesh.ok('resume');
      await more(20);
      expect((await mesh.api.status()).fastPath.redirectedBytes).toBeGreaterThan(later.fastPath.redirectedBytes);
    }
    expect(await more(1, start)).toEqual({ wrong: [], failed: [] });
  });

  it('a policy that Envoy refuses changes nothing, the reason is said, and the next good one is taken', async () => {
    const start = current();
    const filters = join(mesh.dir, 'filters');
    mkdirSync(filters);
    writeFileSync(join(filters, 'authz.wasm'), 'not a module');
    process.kill((await mesh.api.status()).supervisor.pid, 'SIGKILL');
    const refused = await mesh.with({ SHUNT_FILTERS: filters }).cli('up', '-f', mesh.dir);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toMatch(/E_POLICY: Envoy refused the policy; the old stay in force: .*wasm/i);
    const { problems, supervisor } = await mesh.api.status();
    expect(problems.join()).toContain('Envoy refused the policy');
    expect(await more(100, start)).toEqual({ wrong: [], failed: [] });

    process.kill(supervisor.pid, 'SIGKILL');
    await mesh.ok('up', '-f', mesh.dir);
    expect((await mesh.api.status()).problems).toEqual([]);
    expect(await more(100, start)).toEqual({ wrong: [], failed: [] });
  });

  it('flows name both ends and say how much took the fast path', async () => {
    await more(100);
    const flows = await mesh.api.flows();
    const sending = flows.filter(({ from, to }) => from === 'default/load' && to === 'envoy');
    expect(sending.length).toBeGreaterThanOrEqual(4);
    for (const flow of sending) {
      expect(flow.linked).toBe(true);
      expect(flow.messages.redirected).toBeGreaterThan(0);
    }
    const { fastPath } = await mesh.api.status();
    expect(fastPath.share).toBeGreaterThan(0.5);
  });
});
