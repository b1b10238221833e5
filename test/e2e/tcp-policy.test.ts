import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finished, type TestMesh as Mesh, type Outcome, ROOT, TestMesh, waitFor } from '../support/mesh.ts';
import { CACHE } from './resources.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');
const HOLD = join(ROOT, 'test/e2e/programs/hold.ts');
const PRINCIPAL = '"cluster.local/ns/default/sa/client"';
const BOTH = CACHE.replace(PRINCIPAL, `${PRINCIPAL}, "cluster.local/ns/default/sa/other"`);

/** One that holds a connection, and what it printed so far. */
interface Holder {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  printed(): string;
}

describe('a connection to a TCP Service that lives while policy changes', () => {
  let mesh: Mesh;
  let kept: Holder;
  let refused: Holder;

  beforeAll(async () => {
    mesh = await TestMesh.up(BOTH);
    [kept, refused] = await Promise.all([hold('client'), hold('other')]);
  });
  afterAll(async () => {
    kept.child.kill('SIGTERM');
    await kept.ended;
    await mesh[Symbol.asyncDispose]();
  });

  async function hold(account: string): Promise<Holder> {
    const child = mesh.start('run', '--name', account, '--service-account', account, '--', NODE, HOLD, 'cache', '6379');
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    const holder = { child, ended: finished(child), printed: () => text };
    await waitFor(`${account} is answered`, () => text === 'pong\n');
    return holder;
  }

  it('is promoted', async () => {
    await waitFor('both are linked', async () => {
      const flows = await mesh.api.flows();
      return ['default/client', 'default/other'].every((key) =>
        flows.some(({ from, linked }) => from === key && linked),
      );
    });
  });

  it('is reset when policy refuses it by now, and goes on when policy still allows it', async () => {
    await mesh.apply(CACHE);
    expect((await refused.ended).stdout).toBe('pong\nECONNRESET\n');
    const [before] = (await mesh.api.flows()).filter(({ from }) => from === 'default/client');
    await waitFor('the other goes on, redirected', async () => {
      const [now] = (await mesh.api.flows()).filter(({ from }) => from === 'default/client');
      return (now?.messages.redirected ?? 0) > (before?.messages.redirected ?? 0) + 20;
    });
    expect(kept.printed()).toBe('pong\n');
  });

  it('cannot be made again', async () => {
    const outcome = await mesh.runAs('other', NODE, HOLD, 'cache', '6379');
    expect(outcome.stdout).toBe('EPERM\n');
  });
});
