import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { finished, ROOT } from '../support/mesh.ts';
import { machineSnapshot } from '../support/snapshot.ts';

const START = [join(ROOT, 'node_modules/.bin/node'), join(ROOT, 'examples/shop/start.ts')] as const;

interface Summary {
  readonly ok: boolean;
  readonly allowed: number;
  readonly denied: number;
  readonly expectedDenied: number;
  readonly failed: number;
  readonly fastPath: { readonly share: number };
  readonly claims: readonly { readonly claim: string; readonly held: boolean; readonly seen: string }[];
}

describe('npm start', () => {
  it('shows a mesh that keeps what it claims, and leaves the machine as it was', async () => {
    const instance = `t${randomBytes(4).toString('hex')}`;
    const before = machineSnapshot(instance);
    const child = spawn(START[0], [START[1], '--for', '20s', '-o', 'json', '--instance', instance], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const outcome = await finished(child);
    const summary = JSON.parse(outcome.stdout) as Summary;
    expect(
      summary.claims.filter(({ held }) => !held),
      outcome.stderr,
    ).toEqual([]);
    expect(summary.allowed).toBeGreaterThan(0);
    expect(summary.denied).toBe(summary.expectedDenied);
    expect(summary.failed).toBe(0);
    expect(summary.fastPath.share).toBeGreaterThanOrEqual(0.9);
    expect(summary.ok).toBe(true);
    expect(outcome.code).toBe(0);
    expect(machineSnapshot(instance)).toEqual(before);
  });

  it('tears all down when it is interrupted', async () => {
    const instance = `t${randomBytes(4).toString('hex')}`;
    const before = machineSnapshot(instance);
    const child = spawn(START[0], [START[1], '--instance', instance], { stdio: ['ignore', 'pipe', 'pipe'] });
    const outcome = finished(child);
    await new Promise<void>((running) => {
      child.stderr?.on('data', (text: Buffer) => {
        if (text.includes('running')) running();
      });
      child.stdout?.on('data', (text: Buffer) => {
        if (text.includes('requests')) running();
      });
    });
    child.kill('SIGINT');
    await outcome;
    expect(machineSnapshot(instance)).toEqual(before);
  });
});
