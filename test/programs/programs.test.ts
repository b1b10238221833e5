/** Real programs in the mesh: every client against every program that speaks its protocol. Writes docs/programs.md. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestMesh, waitFor } from '../support/mesh.ts';
import { CLIENTS } from './clients.ts';
import { CLIENT, exchange, sizesUpTo } from './exchange.ts';
import { directionsOf } from './share.ts';
import { type Client, GREEDY_GO, NODE, type Place, type Subject, source } from './subject.ts';
import { SUBJECTS } from './subjects/all.ts';
import { PAGE, type Row, writePage } from './table.ts';

const UPSTREAM_PORT = 7100;
/** Of the workload that is behind a Service, and of the one that is not. */
const PORTS = { envoy: 7000, direct: 7001 } as const;

const UPSTREAM = `
apiVersion: shunt.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { fastPath: { greedyReaders: ["${GREEDY_GO}"] } }
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: upstream }
spec: { run: { command: ["${NODE}", "${source('echo-server.ts')}", "0.0.0.0", "${UPSTREAM_PORT}"] } }
`;

const rows: Row[] = [];
/** Runs that this machine can do. */
let planned = 0;
let mesh: TestMesh;
let upstream: Place['upstream'];
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shunt-programs-'));
  chmodSync(dir, 0o755);
  mesh = await TestMesh.up(UPSTREAM);
  upstream = { ip: (await workload('upstream')).ip, port: UPSTREAM_PORT };
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
  // A run of some of the tests must not make a page that says less than the last.
  if (rows.length === planned) writePage(rows, SUBJECTS);
  else console.log(`${PAGE} stays as it is: ${rows.length} of ${planned} runs`);
});

async function workload(name: string) {
  const found = (await mesh.api.workloads()).find(({ key }) => key === `default/${name}`);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return found;
}

const clientsOf = ({ protocol }: Subject): Client[] => CLIENTS.filter(({ protocols }) => protocols.includes(protocol));

function place(subject: Subject, way: keyof typeof PORTS): Place {
  const at = { dir: join(dir, `${subject.name}-${way}`), port: PORTS[way], upstream };
  mkdirSync(at.dir);
  chmodSync(at.dir, 0o777);
  subject.prepare?.(at);
  return at;
}

function resources(subject: Subject): string {
  const workloads = (['envoy', 'direct'] as const).map(
    (way) => `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: ${subject.name}-${way}, labels: { way: ${way} } }
spec:
  run:
    command: ${JSON.stringify(subject.command(place(subject, way)))}
    ${subject.user === undefined ? '' : `user: ${subject.user}`}
`,
  );
  const service = `
apiVersion: v1
kind: Service
metadata: { name: program }
spec:
  selector: { way: envoy }
  ports: [{ name: ${subject.protocol === 'http' ? 'http' : 'tcp'}, port: 80, targetPort: ${PORTS.envoy} }]
`;
  return [UPSTREAM, ...workloads, service].join('---');
}

async function listening(name: string, port: number): Promise<void> {
  const { namespacePath } = await workload(name);
  const enter = [`--net=${namespacePath}`, 'ss', '--no-header', '--listening', '--tcp', `sport = :${port}`];
  await waitFor(`${name} listens`, () => execFileSync('nsenter', enter, { encoding: 'utf8' }) !== '', 60_000);
}

for (const subject of SUBJECTS) {
  const why = subject.missing();
  describe.skipIf(why !== undefined)(why === undefined ? subject.title : `${subject.title}: ${why}`, () => {
    beforeAll(async () => {
      await mesh.apply(resources(subject));
      await listening(`${subject.name}-envoy`, PORTS.envoy);
      await listening(`${subject.name}-direct`, PORTS.direct);
    });

    const clients = clientsOf(subject);
    const cases = [
      ...clients.slice(0, 1).map((client) => ({ client, way: 'envoy' as const })),
      ...clients.map((client) => ({ client, way: 'direct' as const })),
    ];
    for (const { client, way } of cases) {
      const missing = client.missing();
      if (why === undefined && missing === undefined) planned += 1;
      test.skipIf(missing !== undefined)(
        `${client.title}, ${way === 'envoy' ? 'through Envoy' : 'direct'}`,
        async () => {
          const target =
            way === 'envoy' ? ['program', 80] : [(await workload(`${subject.name}-direct`)).ip, PORTS.direct];
          // The largest only from the first client: one in the table is enough, and it takes its time.
          const largestBytes =
            client === clients[0] ? subject.largestBytes : Math.min(subject.largestBytes, 10_000_000);
          const [host, port] = target as [string, number];
          const exchanged = await exchange(mesh, client.command(subject.protocol, host, port, sizesUpTo(largestBytes)));
          const { report } = exchanged;
          rows.push({
            subject,
            client,
            way,
            report,
            program: directionsOf(exchanged, way === 'envoy' ? 'envoy' : CLIENT, `default/${subject.name}-${way}`),
            ...(way === 'envoy' ? { envoy: directionsOf(exchanged, CLIENT, 'envoy') } : {}),
          });
          expect(report).toMatchObject({ wrong: [], timeouts: [] });
          expect(report.exchanges).toBe(sizesUpTo(largestBytes).split(',').length);
        },
      );
    }
  });
}
