import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finished, type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO, LOAD } from './resources.ts';

/** `name{labels}` -> value. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

const REDIRECTED = 'shunt_pair_sent_bytes_total{source="default/load",destination="envoy",outcome="redirected"}';
const RUNS = 'shunt_bpf_program_runs_total{program="redirect"}';
const SECONDS = 'shunt_bpf_program_run_seconds_total{program="redirect"}';

describe('what shunt tells about a mesh with traffic', () => {
  let mesh: Mesh;
  let supervisor: number;
  const metrics = async (...args: string[]): Promise<Map<string, number>> =>
    samples((await mesh.ok('metrics', ...args)).stdout);

  beforeAll(async () => {
    mesh = await TestMesh.up(documents(ECHO, LOAD));
    supervisor = (await mesh.api.status()).supervisor.pid;
    await waitFor('bytes are redirected', async () => ((await metrics()).get(REDIRECTED) ?? 0) > 0);
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  it('counts what each pair of workloads sent, and never counts back', async () => {
    const first = await metrics();
    const second = await waitFor('more is redirected', async () => {
      const now = await metrics();
      return (now.get(REDIRECTED) ?? 0) > (first.get(REDIRECTED) ?? 0) && now;
    });
    for (const [name, value] of first) {
      if (/^shunt_\w+_total/.test(name)) expect(second.get(name), name).toBeGreaterThanOrEqual(value);
    }
    expect(
      first.get('shunt_pair_sent_bytes_total{source="envoy",destination="default/echo",outcome="redirected"}'),
    ).toBeGreaterThan(0);
    expect(first.get('shunt_envoy_ready')).toBe(1);
    expect(first.get('shunt_problems')).toBe(0);
  });

  it('answers GET /metrics as Prometheus wants it', async () => {
    const url = 'http://shunt/metrics';
    const { stdout } = await finished(
      spawn('curl', ['-s', '-i', '--unix-socket', mesh.instance.apiSocket, url], { stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    expect(stdout).toContain('content-type: text/plain; version=0.0.4');
    expect(samples(stdout).get('shunt_fast_path_state{state="on"}')).toBe(1);
  });

  it('measures the programs while it is asked to, and then no more', async () => {
    const before = await metrics();
    expect(measuring()).toBe(false);
    await metrics('--cost', '2');
    expect(measuring()).toBe(true);
    const during = await waitFor('runs are counted', async () => {
      const now = await metrics();
      return (now.get(RUNS) ?? 0) > (before.get(RUNS) ?? 0) + 20 && now;
    });
    const meanS =
      ((during.get(SECONDS) ?? 0) - (before.get(SECONDS) ?? 0)) / ((during.get(RUNS) ?? 0) - (before.get(RUNS) ?? 0));
    expect(meanS).toBeGreaterThan(20e-9);
    expect(meanS).toBeLessThan(200e-6);
    await waitFor('measuring ends', () => !measuring());
    const after = await metrics();
    const later = await waitFor('more was redirected', async () => {
      const now = await metrics();
      return (now.get(REDIRECTED) ?? 0) > (after.get(REDIRECTED) ?? 0) && now;
    });
    expect(later.get(RUNS)).toBe(after.get(RUNS));
  });

  /** Does the supervisor hold the kernel's switch? */
  function measuring(): boolean {
    return readdirSync(`/proc/${supervisor}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${supervisor}/fd/${fd}`) === 'anon_inode:bpf-stats';
      } catch {
        return false;
      }
    });
  }
});
