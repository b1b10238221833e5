/** A change of policy and the connections that live. */

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BpfMap } from '../../../src/bpf/map.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import type { L4Verdict } from '../../../src/dataplane/desired.ts';
import { openDataplane } from '../../../src/dataplane/open.ts';
import { maps, type Settings } from '../../../src/generated/abi.ts';
import { needs } from '../../support/capabilities.ts';
import { IPS, type JsonLines, PORTS, Sandbox } from './sandbox.ts';

const ROUNDS = 100;
const MESSAGE_BYTES = 64;
const TO_DB: L4Verdict = { source: 't/a', destination: { ip: IPS.db, port: PORTS.db } };
const TO_WEB: L4Verdict = { source: 't/a', destination: { ip: IPS.web, port: PORTS.web } };

describe('a captured TCP connection that is promoted', needs('capture', 'fast path'), () => {
  let sandbox: Sandbox;
  let dataplane: Dataplane;
  let promoting: Disposable;
  let client: JsonLines;

  beforeEach(async () => {
    sandbox = new Sandbox();
    dataplane = openDataplane(sandbox.instance);
    dataplane.applySettings({ outboundPort: PORTS.proxy, promoteAfterSegments: 4, maxQueuedBytes: 1 << 20 });
    dataplane.applyMembers(new Map([sandbox.cgroup('a'), sandbox.instance.envoyCgroup].map((path) => [path, 'AUTO'])));
    dataplane.applyVerdicts([TO_DB]);
    dataplane.applyDestinations(sandbox.topology);
    dataplane.attachNamespace(sandbox.netnsPath('a'));
    promoting = dataplane.promoteNominees();
    await sandbox.start('a', sandbox.instance.envoyCgroup, 'echo.ts', 'listen', `${PORTS.proxy}`);
    const to = `${IPS.db}:${PORTS.db}`;
    client = sandbox.spawn('a', sandbox.cgroup('a'), 'echo.ts', 'connect', to, `${ROUNDS}`);
    expect(await client.next()).toBe(ROUNDS * MESSAGE_BYTES);
  });
  afterEach(async () => {
    promoting[Symbol.dispose]();
    dataplane[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  /** Messages of the next rounds, by outcome. */
  async function next(): Promise<Record<string, number>> {
    const read = () => Object.entries(dataplane.readCounters()).filter(([name]) => name.startsWith('messages-'));
    const before = Object.fromEntries(read());
    client.kill('SIGUSR1');
    expect(await client.next()).toBe(ROUNDS * MESSAGE_BYTES);
    const counted = read().map(([name, count]) => [
      name.slice('messages-'.length),
      Number(count - (before[name] ?? 0n)),
    ]);
    return Object.fromEntries(counted.filter(([, count]) => count !== 0));
  }

  it('is redirected', async () => {
    expect(await next()).toEqual({ redirected: 2 * ROUNDS });
  });

  it('is redirected no more, both ways, when policy refuses it by now; and again when policy allows it', async () => {
    dataplane.applyVerdicts([]);
    expect(await next()).toEqual({ policy: 2 * ROUNDS });
    dataplane.applyVerdicts([TO_DB]);
    // Each way the reader takes by TCP what was sent last, before it is redirected to.
    expect((await next()).redirected).toBeGreaterThanOrEqual(2 * ROUNDS - 2);
  });

  it('goes on when policy changes and still allows it', async () => {
    dataplane.applyVerdicts([TO_DB, TO_WEB]);
    expect(await next()).toEqual({ redirected: 2 * ROUNDS });
  });

  it('is looked at again when another process applies the policy, and the one before died before it said so', async () => {
    // What a process does that dies after the map was written, and before the epoch was.
    const { epoch } = dataplane.readSettings();
    dataplane.applyVerdicts([]);
    const settings = { ...dataplane.readSettings(), epoch };
    dataplane[Symbol.dispose]();
    writeSettings(sandbox, settings);
    dataplane = openDataplane(sandbox.instance);
    expect(await next()).toEqual({ redirected: 2 * ROUNDS });
    expect(dataplane.applyVerdicts([])).toBe(0);
    expect(await next()).toEqual({ policy: 2 * ROUNDS });
  });
});

function writeSettings(sandbox: Sandbox, value: Settings): void {
  using settings = BpfMap.open(join(sandbox.instance.pinDir, 'maps', maps.settings.name), maps.settings);
  settings.set(0, value);
}
