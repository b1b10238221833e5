import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cgroupId } from '../../src/bpf/cgroup.ts';
import { BpfMap } from '../../src/bpf/map.ts';
import { maps, Reader } from '../../src/generated/abi.ts';
import { workloadCgroup } from '../../src/instance.ts';
import { type TestMesh as Mesh, ROOT, TestMesh, waitFor } from '../support/mesh.ts';

const ABI = join(ROOT, 'build/native/splice-abi');

/** Prints what splice(2) says each time when it is started. */
const speaker = (fastPath: string): string => `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: speaker }
spec:
  fastPath: ${fastPath}
  run: { command: ["sh", "-c", "${ABI} native; exec sleep 3600"] }
`;

describe('a workload', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(speaker('sender-only'));
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  function reader(): number | undefined {
    using members = BpfMap.open(join(mesh.instance.pinDir, 'maps', maps.members.name), maps.members);
    return members.get(cgroupId(workloadCgroup(mesh.instance, 'default/speaker')))?.reader;
  }
  const said = (): string[] =>
    readFileSync(join(mesh.instance.logDir, 'default.speaker.log'), 'utf8').split('\n').filter(Boolean);
  const pids = async (): Promise<readonly number[]> => (await mesh.api.workloads())[0]?.pids ?? [];

  it('that only sends may use splice(2)', async () => {
    await waitFor('it asked', () => said().length === 1);
    expect(said()).toEqual(['EBADF']);
    expect(reader()).toBe(Reader.NEVER);
  });

  it('is not redirected to while a program runs that was started with splice(2), whatever is applied', async () => {
    const before = await pids();
    await mesh.apply(speaker('auto'));
    expect(await pids()).toEqual(before);
    expect(reader()).toBe(Reader.NEVER);
  });

  it('is neither when another supervisor takes over', async () => {
    const { supervisor } = await mesh.api.status();
    process.kill(supervisor.pid, 'SIGKILL');
    await waitFor('the supervisor is gone', async () => (await mesh.cli('status')).stderr.includes('E_NOT_RUNNING'));
    await mesh.apply(speaker('auto'));
    expect(reader()).toBe(Reader.NEVER);
  });

  it('is redirected to as soon as its program was started again, without splice(2)', async () => {
    const [pid = 0] = await pids();
    process.kill(pid, 'SIGKILL');
    await waitFor('it asked again', () => said().length === 2);
    expect(said().at(-1)).toBe('EINVAL');
    await waitFor('the kernel knows', () => reader() === Reader.AUTO);
  });

  it('keeps its program when the fast path is turned off for it', async () => {
    const before = await pids();
    await mesh.apply(speaker('off'));
    expect(await pids()).toEqual(before);
    expect(reader()).toBe(Reader.OFF);
  });

  it('of shunt run has no splice(2), in a mesh without fast path neither', async () => {
    expect((await mesh.runAs('client', ABI, 'native')).stdout).toBe('EINVAL\n');
    await mesh.apply(`${speaker('off')}---
apiVersion: shunt.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { fastPath: { enabled: false } }
`);
    expect((await mesh.runAs('client', ABI, 'native')).stdout).toBe('EINVAL\n');
    const known = await mesh.runAs('client', 'sh', '-c', `: systemd-socket-proxyd; ${ABI} native`);
    expect(known.stdout).toBe('EBADF\n');
  });
});
