/**
 * Reloads of a policy in a real Envoy while requests come, for the test of it and for the long run (`npm run bench -- soak`).
 * Two configurations are in one VM: one is replaced again and again, the other must not notice.
 */
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { ecdsFilter, TestEnvoy, until } from './envoy.ts';
import { cluster, httpListener, virtualHost } from './envoy-config.ts';
import { type EnvoyMemory, memoryOf } from './envoy-memory.ts';
import { type KeepAlive, keepAliveHttp1, keepAliveHttp2 } from './keep-alive.ts';
import { Upstream } from './upstream.ts';

const REPLACED = 'shunt.authz';
const STAYING = 'shunt.staying';
const HOST = 'api.test';
/** Samples of memory, spread evenly over the reloads. */
const SAMPLES = 10;

export interface ReloadFacts {
  readonly requests: number;
  /** Answers that no configuration in force meanwhile gives: `PATH STATUS`. Empty is right. */
  readonly wrong: readonly string[];
  /** Clients, and connections that they made: as many where none was drained. */
  readonly clients: number;
  readonly connections: number;
  /** Requests that the filter counted, over all configurations. */
  readonly counted: number;
  /** Before the first reload and after each tenth of them. */
  readonly memory: readonly EnvoyMemory[];
}

/** One path of its own is allowed by each configuration. */
function replaced(generation: number): string {
  const own = [{ to: [{ paths: ['/both', `/generation/${generation}`] }] }];
  const closed = [{ to: [{ paths: ['/closed'] }] }];
  return configuration([
    { name: 'closed', action: 'DENY', rules: closed },
    { name: 'open', action: 'ALLOW', rules: own },
  ]);
}

function configuration(policies: readonly object[]): string {
  const all = policies.map((_, index) => index);
  return JSON.stringify({
    sources: { web: { principal: 'p', namespace: 'n' } },
    destinations: { api: { port: 1, policies: all } },
    policies,
  });
}

/** Each reload is waited for on the one worker before the next. @throws Error when a connection fails or Envoy takes none. */
export async function reloadUnderLoad(reloads: number): Promise<ReloadFacts> {
  await using undo = new AsyncDisposableStack();
  const upstream = undo.use(await Upstream.start());
  const routes = [virtualHost(HOST, 'api')];
  const staying = configuration([{ name: 'own', action: 'ALLOW', rules: [{ to: [{ paths: ['/staying'] }] }] }]);
  const envoy = undo.use(
    await TestEnvoy.start(
      (dir) => ({
        clusters: [cluster('api', upstream.port)],
        listeners: [
          httpListener({ name: 'replaced', source: 'web', filters: [ecdsFilter(dir, REPLACED)], virtualHosts: routes }),
          httpListener({ name: 'staying', source: 'web', filters: [ecdsFilter(dir, STAYING)], virtualHosts: routes }),
        ],
      }),
      { [REPLACED]: wasmPlugin('authz', replaced(0)), [STAYING]: wasmPlugin('authz', staying) },
    ),
  );
  const wrong: string[] = [];
  let requests = 0;
  /** The one that the worker surely has, and the newest that it may have. */
  let [inForce, published] = [0, 0];
  let stop = false;

  async function exchange(client: KeepAlive, path: string, isDue: (status: number) => boolean): Promise<number> {
    const status = await client.ask(path);
    requests++;
    if (!isDue(status)) wrong.push(`${path} ${status}`);
    return status;
  }

  async function load(client: KeepAlive, own: string, others: string): Promise<void> {
    while (!stop) {
      await exchange(client, own, (status) => status === 200);
      await exchange(client, others, (status) => status === 403);
    }
  }

  async function followGenerations(client: KeepAlive): Promise<void> {
    while (!stop) {
      const asked = inForce;
      await exchange(
        client,
        `/generation/${asked}`,
        (status) => status === 200 || (status === 403 && published > asked),
      );
      await exchange(client, `/generation/${asked - 1}`, (status) => status === 403);
      await exchange(client, '/closed', (status) => status === 403);
    }
  }

  const clients: KeepAlive[] = [];
  const open = async (listener: string, make: typeof keepAliveHttp1): Promise<KeepAlive> => {
    const made = undo.use(make(await envoy.port(listener), HOST));
    clients.push(made);
    return made;
  };
  const probe = await open('replaced', keepAliveHttp1);
  await exchange(probe, '/generation/0', (status) => status === 200);
  const memory = [memoryOf(envoy.pid)];
  const loads = [
    followGenerations(await open('replaced', keepAliveHttp1)),
    followGenerations(await open('replaced', keepAliveHttp2)),
    load(await open('replaced', keepAliveHttp1), '/both', '/staying'),
    load(await open('staying', keepAliveHttp1), '/staying', '/both'),
    load(await open('staying', keepAliveHttp2), '/staying', '/generation/0'),
  ];
  const reload = async (): Promise<void> => {
    for (let generation = 1; generation <= reloads; generation++) {
      published = generation;
      const outcome = await envoy.reconfigure(REPLACED, wasmPlugin('authz', replaced(generation)));
      if (outcome !== 'taken') throw new Error(`reload ${generation} was refused`);
      const arrived = async (): Promise<boolean> =>
        (await exchange(probe, `/generation/${generation}`, (status) => status === 200 || status === 403)) === 200;
      await until(arrived, 10_000, `reload ${generation} is not in force`);
      inForce = generation;
      if (generation % Math.ceil(reloads / SAMPLES) === 0) memory.push(memoryOf(envoy.pid));
    }
  };
  try {
    await Promise.race([reload(), Promise.all(loads)]);
  } finally {
    stop = true;
    await Promise.allSettled(loads);
  }
  await Promise.all(loads);
  return {
    requests,
    wrong,
    clients: clients.length,
    connections: clients.reduce((sum, { connections }) => sum + connections(), 0),
    counted: await countedBy(envoy),
    memory,
  };
}

async function countedBy(envoy: TestEnvoy): Promise<number> {
  const allowed = await envoy.stat('wasmcustom.shunt_authz.allowed');
  const denied = await envoy.stat('wasmcustom.shunt_authz.denied');
  return (allowed ?? 0) + (denied ?? 0);
}
