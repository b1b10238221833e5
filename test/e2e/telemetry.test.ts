import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExplainedSocket, Flow } from '../../src/api/types.ts';
import type { Rates } from '../../src/cli/rates.ts';
import { parseProcNetTcp } from '../../src/telemetry/proc-net.ts';
import { finished, type TestMesh as Mesh, ROOT, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO, LOAD } from './resources.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');

/** `name{labels}` -> value. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

/** Empty when the descriptor is gone. */
function linkOf(pid: number | string, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return '';
  }
}

/** Connects to echo and sends nothing. */
const CONNECT = [NODE, '-e', "require('node:net').connect(80, 'echo').on('error', () => process.exit(1))"];

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

  it('tells of each connection what waits in its queue', async () => {
    const [flow] = (await mesh.api.flows()).filter(({ from, share }) => from === 'default/load' && (share ?? 0) > 0);
    expect(flow?.queue.bytes).toBeGreaterThanOrEqual(0);
    expect(flow?.queue.peakBytes).toBeGreaterThan(50);
    const pair = '{source="default/load",destination="envoy"}';
    await metrics('--cost', '2');
    const measured = await waitFor('bytes are measured', async () => {
      const now = await metrics();
      return (now.get(`shunt_pair_queue_measured_bytes_total${pair}`) ?? 0) > 10_000 && now;
    });
    expect(measured.get(`shunt_pair_queue_peak_bytes${pair}`)).toBeGreaterThan(50);
    expect(measured.get(`shunt_pair_queue_byte_seconds_total${pair}`)).toBeGreaterThanOrEqual(0);
    const { stdout } = await mesh.ok('explain', flow?.local ?? '', flow?.remote ?? '');
    expect(stdout).toMatch(
      /\n {2}\d+ redirected bytes wait to be read; (each waits \d+ us on average; )?at most \d+ bytes/,
    );
  });

  it('measures the programs while it is asked to, and then no more', async () => {
    await waitFor('nobody measures', () => !measuring());
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

  it('explains both ends of a promoted connection, by its addresses and by process and descriptor', async () => {
    const flow = await waitFor('a flow is linked', async () =>
      (await mesh.api.flows()).find(({ from, linked, share }) => from === 'default/load' && linked && (share ?? 0) > 0),
    );
    const ends = JSON.parse(
      (await mesh.ok('explain', flow.remote, flow.local, '-o', 'json')).stdout,
    ) as ExplainedSocket[];
    const [client] = ends.filter(({ cookie }) => cookie === flow.cookie);
    expect(client).toMatchObject({
      workload: 'default/load',
      peerWorkload: 'envoy',
      phase: 'linked',
      local: flow.local,
      remote: flow.remote,
    });
    expect(client?.sentences[1]).toMatch(/^sends are redirected: \d+\.\d % of \d+ bytes/);
    expect(ends.map(({ workload }) => workload).sort()).toContain('envoy');
    // As `ss` shows the ends of an IPv6 socket.
    const mapped = [flow.local, flow.remote].map((end) => end.replace(/^(.*):/, '[::ffff:$1]:')).join(' ');
    expect((await mesh.api.explain(mapped)).map(({ cookie }) => cookie)).toContain(flow.cookie);
    const { stdout } = await mesh.ok('explain', `${client?.pid}:${client?.fd}`);
    expect(stdout).toMatch(/^\S+ to \S+: node of default\/load, \d+:\d+\nlinked, for \d+ /);
  });

  it('explains a socket outside of the mesh, and says when there is none', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
    );
    const [row] = parseProcNetTcp(readFileSync('/proc/self/net/tcp', 'utf8')).filter(
      ({ local }) => local === `127.0.0.1:${port}`,
    );
    const fd = readdirSync('/proc/self/fd').find((one) => linkOf('self', one) === `socket:[${row?.inode}]`);
    const [found] = await mesh.api.explain(`${process.pid}:${fd}`);
    expect(found).toMatchObject({ local: `127.0.0.1:${port}`, phase: 'outside', tcpState: 'LISTEN' });
    expect(found?.sentences).toEqual(['not in the mesh: it belongs to no workload']);
    await new Promise((resolve) => server.close(resolve));
    await expect(mesh.api.explain(`${process.pid}:${fd}`)).rejects.toThrow(/no TCP socket/);
    await expect(mesh.api.explain('127.0.0.1:1 127.0.0.1:2')).rejects.toThrow(/no TCP socket/);
    await expect(mesh.api.pcap(['18446744073709551616'])).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(mesh.api.explain('nonsense')).rejects.toThrow(/expected PID:FD or ADDRESS:PORT ADDRESS:PORT/);
  });

  it('lists with --all also connections that are not promoted, and filters by workload', async () => {
    const idle = mesh.start('run', '--name', 'idle', '--service-account', 'client', '--', ...CONNECT);
    const all = await waitFor('the idle connection is listed', async () => {
      const { stdout } = await mesh.ok('flows', '--all', '-o', 'json');
      const sockets = JSON.parse(stdout) as ExplainedSocket[];
      return sockets.some(({ workload }) => workload === 'default/idle') && sockets;
    });
    expect(all.filter(({ workload }) => workload === 'default/idle')).toMatchObject([
      {
        phase: 'waiting',
        remote: '127.0.0.1:15001',
        sentences: [expect.stringMatching(/^not yet: [1-7] of 8 segments/)],
      },
    ]);
    const promoted = all.filter(({ phase }) => phase === 'linked').map(({ cookie }) => cookie);
    expect(promoted.length).toBeGreaterThan(0);
    const { stdout } = await mesh.ok('flows', '--all', '--workload', 'idle');
    expect(stdout).toMatch(/waiting/);
    expect(stdout).not.toMatch(/default\/load/);
    const flows = JSON.parse((await mesh.ok('flows', '--workload', 'load', '-o', 'json')).stdout) as Flow[];
    expect(flows.length).toBeGreaterThan(0);
    for (const { from, to } of flows) expect([from, to]).toContain('default/load');
    idle.kill('SIGTERM');
    await finished(idle);
  });

  it('shows what goes on right now, and what it costs', async () => {
    const { stdout } = await mesh.ok('top', '--interval', '1', '--count', '2', '-o', 'json');
    const pictures = JSON.parse(`[${stdout.replaceAll(/^}\n{/gm, '},{')}]`) as Rates[];
    expect(pictures).toHaveLength(2);
    for (const { intervalMs, pairs, programs } of pictures) {
      expect(intervalMs).toBeGreaterThan(900);
      const [request, answer] = [
        pairs.find(({ from, to }) => from === 'default/load' && to === 'envoy'),
        pairs.find(({ from, to }) => from === 'envoy' && to === 'default/load'),
      ];
      expect(request?.messagesPerSecond).toBeGreaterThan(10);
      expect(request?.share).toBeGreaterThan(0.5);
      expect(answer?.bytesPerSecond).toBeGreaterThan(1000);
      // Each connection waits for its answer: what is queued waits no longer than a request takes.
      const requestMs = (1000 * (request?.open ?? 0)) / (request?.messagesPerSecond ?? 0);
      expect(request?.delayMs).toBeLessThan(requestMs);
      expect(request?.queuedBytes).toBeGreaterThanOrEqual(0);
      const redirect = programs.find(({ name }) => name === 'redirect');
      const messages = pairs.reduce((sum, { messagesPerSecond }) => sum + messagesPerSecond, 0);
      expect(redirect?.runsPerSecond).toBeGreaterThan(messages * 0.5);
      expect(redirect?.nsPerRun).toBeGreaterThan(20);
    }
    const people = await mesh.ok('top', '-i', '0.3', '-n', '1');
    expect(people.stdout).toMatch(/FROM +TO +OPEN +MESSAGES\/S +BYTES\/S +FAST PATH +THE REST +QUEUE +DELAY\n/);
    expect(people.stdout).toMatch(/\nredirect +\d+ +\d+ +\d+\.\d %\n/);
    expect(await mesh.cli('top', '-n', '0')).toMatchObject({ code: 2 });
  });

  it('counts the messages that go by TCP so that firewalls remember a connection', async () => {
    const refreshed = await waitFor('a connection is 10 s old', async () => {
      const now = (await metrics()).get('shunt_fast_path_messages_total{outcome="refresh"}') ?? 0;
      return now > 0 && now;
    });
    // load has 4 connections, Envoy as many to echo: 16 sockets, each at most every 10 s.
    const ageS = Math.max(...(await mesh.api.flows()).map(({ ageMs }) => ageMs)) / 1000;
    expect(refreshed).toBeLessThanOrEqual(16 * Math.ceil(ageS / 10));
  });

  it('goes on counting while no supervisor runs', async () => {
    const before = await metrics();
    process.kill(supervisor, 'SIGKILL');
    await waitFor('the supervisor is gone', () => !existsSync(`/proc/${supervisor}`));
    await mesh.ok('up', '-f', mesh.dir);
    supervisor = (await mesh.api.status()).supervisor.pid;
    const after = await metrics();
    expect(after.get(REDIRECTED)).toBeGreaterThan(before.get(REDIRECTED) ?? 0);
    for (const name of ['shunt_fast_path_promotions_total', 'shunt_connects_total{result="captured"}']) {
      expect(after.get(name), name).toBeGreaterThanOrEqual(before.get(name) ?? Number.POSITIVE_INFINITY);
    }
  });

  /** Does the supervisor hold the kernel's switch? */
  function measuring(): boolean {
    return readdirSync(`/proc/${supervisor}/fd`).some((fd) => linkOf(supervisor, fd) === 'anon_inode:bpf-stats');
  }
});
