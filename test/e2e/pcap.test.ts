import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finished, type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO, LOAD } from './resources.ts';

describe('shunt pcap', () => {
  let mesh: Mesh;
  let dir: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'shunt-pcap-'));
    mesh = await TestMesh.up(documents(ECHO, LOAD));
    await waitFor('connections are linked', async () =>
      (await mesh.api.flows()).some(({ from, share }) => from === 'default/load' && (share ?? 0) > 0.5),
    );
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  /** One line a packet that the filter lets through. */
  function packets(path: string, filter: string, ...fields: readonly string[]): string[][] {
    // Captured in the middle of things: Wireshark is told what it would have learned at the beginning.
    const decode = ['-d', 'tcp.port==15001,http', '-d', 'tcp.port==8080,http'];
    const args = ['-r', path, ...decode, '-Y', filter, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const text = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  }

  /** Numbers of the programs that copy, of every mesh on the machine. */
  function mirrors(): number[] {
    const all = JSON.parse(execFileSync('bpftool', ['-j', 'prog', 'show'], { encoding: 'utf8' })) as {
      id: number;
      name?: string;
    }[];
    return all.filter(({ name }) => name === 'mirror').map(({ id }) => id);
  }

  it('captures all connections of a workload until interrupted; Wireshark reads requests and answers', async () => {
    const path = join(dir, 'load.pcapng');
    const command = mesh.start('pcap', 'load', '-w', path);
    await waitFor('packets are written', () => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 50_000);
    command.kill('SIGINT');
    const { code, stderr } = await finished(command);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^\d+ packets, [\d.]+ [KM]iB; 0 more were lost\n$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const requests = packets(path, 'http.request', 'http.request.uri', 'tcp.dstport', 'frame.interface_name');
    expect(requests.length).toBeGreaterThan(20);
    for (const [uri, port] of requests)
      expect([
        ['/ok', '15001'],
        ['/secret', '15001'],
      ]).toContainEqual([uri, port]);
    expect(requests.filter(([, , name]) => name === 'redirected').length).toBeGreaterThan(requests.length / 2);
    const answers = packets(path, 'http.response', 'http.response.code').flat();
    expect([...new Set(answers)].sort()).toEqual(['200', '403']);
    expect(Math.abs(answers.length - requests.length)).toBeLessThanOrEqual(8);
    expect(packets(path, 'tcp.analysis.lost_segment || tcp.analysis.retransmission', 'frame.number')).toEqual([]);
  });

  it.each(['tuple', 'descriptor', 'cookie'] as const)('captures the one connection that its %s names', async (how) => {
    const path = join(dir, `${how}.pcapng`);
    const flow = await waitFor('a flow is linked', async () =>
      (await mesh.api.flows()).find(({ from, linked }) => from === 'default/load' && linked),
    );
    const ends = await mesh.api.explain(`${flow.local},${flow.remote}`);
    const { pid, fd } = ends.find(({ cookie }) => cookie === flow.cookie) ?? {};
    const words = { tuple: [flow.local, flow.remote], descriptor: [`${pid}:${fd}`], cookie: [flow.cookie] }[how];
    await mesh.ok('pcap', ...words, '-w', path, '--size', '20000');
    expect(statSync(path).size).toBeLessThanOrEqual(20_000);
    const ports = new Set(packets(path, 'tcp', 'tcp.srcport', 'tcp.dstport').flat());
    expect([...ports].sort()).toEqual(['15001', flow.local.split(':').at(-1)].sort());
  });

  it('ends after the time that was asked for, and keeps headers alone when nothing else is wanted', async () => {
    const path = join(dir, 'headers.pcapng');
    await mesh.ok('pcap', 'default/load', '-w', path, '--snap', '0', '--duration', '0.5');
    const lengths = packets(path, 'tcp.len > 0', 'frame.cap_len', 'tcp.len');
    expect(lengths.length).toBeGreaterThan(0);
    for (const [captured] of lengths) expect(captured).toBe('40');
  });

  it('is for one at a time, and over when its reader is gone', async () => {
    const path = join(dir, 'first.pcapng');
    const first = mesh.start('pcap', 'load', '-w', path);
    await waitFor('it runs', () => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0);
    const { stderr } = await mesh.cli('pcap', 'load', '-w', '/dev/null', '--duration', '1');
    expect(stderr).toContain('there can be one capture at a time');
    first.kill('SIGKILL');
    await finished(first);
    await waitFor(
      'the next one may',
      async () => (await mesh.cli('pcap', 'load', '-w', '/dev/null', '--duration', '0.1')).code === 0,
    );
  });

  it('ends with its supervisor, and the next one removes what it left', async () => {
    const path = join(dir, 'killed.pcapng');
    const command = mesh.start('pcap', 'load', '-w', path);
    await waitFor('it runs', () => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 1000);
    const { pid } = (await mesh.api.status()).supervisor;
    process.kill(pid, 'SIGKILL');
    const { code, stderr } = await finished(command);
    expect(code).toBe(1);
    expect(stderr).toContain(`capture to ${path} was cut short`);
    expect(packets(path, 'http.request', 'http.request.uri').length).toBeGreaterThan(0);
    const left = mirrors();
    expect(left.length).toBeGreaterThan(0);
    await mesh.ok('up', '-f', mesh.dir);
    await waitFor('a program is gone', () => left.some((id) => !mirrors().includes(id)));
    await mesh.ok('pcap', 'load', '-w', path, '--duration', '0.2');
  });

  it('says what is wrong with what it is asked for', async () => {
    const refused = async (...words: string[]): Promise<string> => {
      const { code, stderr } = await mesh.cli('pcap', ...words);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refused('nobody', '-w', '/dev/null')).toContain('nobody: no workload of that name');
    expect(await refused('127.0.0.1:1', '-w', '/dev/null')).toContain('the other end of the connection is missing');
    expect(await refused('127.0.0.1:1', '127.0.0.1:2', '-w', '/dev/null')).toContain('no TCP socket');
    expect(await refused('load')).toContain('--write');
    // Nobody has this cookie.
    const { code, stderr } = await mesh.cli('pcap', '18446744073709551615', '-w', '/dev/null', '--duration', '0.1');
    expect(code).toBe(0);
    expect(stderr).toContain('no promoted connection of these sent anything');
    expect(await refused('load', '-w', '/dev/null', '--snap', '5000')).toContain('expected a whole number, 0 to 4096');
  });

  it('ends its file when the mesh is taken down', async () => {
    const path = join(dir, 'down.pcapng');
    const command = mesh.start('pcap', 'load', '-w', path);
    await waitFor('it runs', () => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 1000);
    const ended = finished(command);
    await mesh.ok('down');
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'the supervisor ended, and the capture with it\n' });
    expect(packets(path, 'http.request', 'http.request.uri').length).toBeGreaterThan(0);
  });
});
