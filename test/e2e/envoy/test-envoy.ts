/**
 * A real Envoy with the real configuration, but without capture: the one Service that a test asks has the address of the
 * listener itself, 127.0.0.1:15001, which is what Envoy takes for the original destination when nobody rewrote it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthorizationPolicy, ServicePort } from '../../../src/config/model.ts';
import type { Topology } from '../../../src/config/topology.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey } from '../../../src/instance.ts';
import { envoyBootstrap } from '../../../src/proxy/envoy/bootstrap.ts';
import { OUTBOUND_PORT } from '../../../src/proxy/envoy/listeners.ts';
import { xdsTexts } from '../../../src/proxy/envoy/xds.ts';
import { EnvoyAdmin } from '../../../src/supervisor/envoy-admin.ts';
import { envoyBinary } from '../../../src/supervisor/envoy-binary.ts';
import { writeXds } from '../../../src/supervisor/xds-publisher.ts';
import { launch } from '../../../src/workload/launch.ts';
import { type Outcome, waitFor } from '../../support/mesh.ts';
import { TestMachine } from '../../support/topology-machine.ts';

export const WEB: ResourceKey = 'default/web';
export const EVIL: ResourceKey = 'default/evil';
const SERVER = join(import.meta.dirname, 'programs/server.ts');

export interface TestEnvoyOptions {
  /** Workloads with the label app=api, behind the Service. Default: one. */
  readonly servers?: readonly ResourceKey[];
  /** What they run; see programs/server.ts. Default http. */
  readonly kind?: 'http' | 'http2' | 'tcp' | 'rude';
  readonly protocol?: ServicePort['protocol'];
  /** Address of the Service. Default: the listener's own. */
  readonly serviceIp?: string;
  readonly policies?: readonly AuthorizationPolicy[];
}

export class TestEnvoy implements AsyncDisposable {
  readonly machine: TestMachine;
  readonly topology: Topology;
  readonly instance: Instance;
  readonly admin: EnvoyAdmin;
  #process: ChildProcess | undefined;

  private constructor(machine: TestMachine, options: TestEnvoyOptions) {
    this.machine = machine;
    this.instance = machine.instance;
    this.topology = { ...machine.topology, serviceIps: { 'default/api': options.serviceIp ?? '127.0.0.1' } };
    this.admin = new EnvoyAdmin(this.instance.envoyAdminSocket);
  }

  /** Resolves when Envoy serves every listener and every server answers. */
  static async start(options: TestEnvoyOptions = {}): Promise<TestEnvoy> {
    const { servers = ['default/api'], kind = 'http', protocol = 'http', policies = [] } = options;
    const port: ServicePort = { name: protocol, port: OUTBOUND_PORT, targetPort: 8080, protocol };
    const machine = await TestMachine.up({
      workloads: [...servers, EVIL, WEB],
      services: [{ key: 'default/api', ports: [port] }],
      policies,
    });
    const envoy = new TestEnvoy(machine, options);
    try {
      for (const server of servers) await envoy.#serve(server, kind);
      await envoy.#startEnvoy();
      return envoy;
    } catch (error) {
      await envoy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a program in the workload's network and collects what it prints. */
  async run(workload: ResourceKey, program: string, ...args: readonly string[]): Promise<Outcome> {
    const path = netnsPath(netnsName(this.instance.name, workload));
    return await new Promise((resolve) => {
      const options = { maxBuffer: 1 << 26 };
      const child = execFile('nsenter', [`--net=${path}`, program, ...args], options, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
      );
    });
  }

  /** curl from the workload to the Service; status, headers and body. */
  async curl(workload: ResourceKey, path: string, ...args: readonly string[]): Promise<Answer> {
    const url = `http://127.0.0.1:${OUTBOUND_PORT}${path}`;
    const { code, stdout, stderr } = await this.run(workload, 'curl', '-sS', '-i', '--max-time', '20', ...args, url);
    if (code !== 0) throw new Error(`curl ${url}: ${stderr}`);
    const [head = '', ...body] = stdout.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '').split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), head: head.toLowerCase(), body: body.join('\r\n\r\n') };
  }

  /** Lines of Envoy's statistics that match the regular expression and are not zero. */
  async stats(filter: string): Promise<string[]> {
    const url = `http://envoy/stats?usedonly&filter=${encodeURIComponent(filter)}`;
    const { stdout } = await this.run(WEB, 'curl', '-sS', '--unix-socket', this.instance.envoyAdminSocket, url);
    return stdout.split('\n').filter((line) => line !== '' && !line.endsWith(': 0'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await this.machine[Symbol.asyncDispose]();
  }

  async #serve(workload: ResourceKey, kind: string): Promise<void> {
    await launch(this.instance, workload, { command: [process.execPath, SERVER, kind, workload] });
    const inside = (): Promise<Outcome> => this.run(workload, 'sh', '-c', 'ss -Hltn "sport = 8080" | grep -q LISTEN');
    await waitFor(`${workload} listens`, async () => (await inside()).code === 0);
  }

  async #startEnvoy(): Promise<void> {
    const config = join(this.instance.runDir, 'envoy.json');
    const log = join(this.instance.logDir, 'envoy.log');
    for (const type of ['cds', 'ecds', 'lds']) mkdirSync(join(this.instance.xdsDir, type), { recursive: true });
    writeFileSync(config, envoyBootstrap(this.instance));
    writeXds(this.instance, xdsTexts(this.instance, this.topology));
    const out = openSync(log, 'a');
    this.#process = spawn(
      envoyBinary(),
      ['-c', config, '--disable-hot-restart', '--concurrency', '2', '--log-level', 'warning'],
      { stdio: ['ignore', out, out] },
    );
    closeSync(out);
    await waitFor('Envoy serves', async () => {
      if (this.#process?.exitCode !== null) throw new Error(`Envoy ended: ${readFileSync(log, 'utf8').slice(-2000)}`);
      return (await this.admin.isReady()) && (await this.admin.listenersActive());
    });
  }
}

export interface Answer {
  readonly status: number;
  /** Status line and headers, in lower case. */
  readonly head: string;
  readonly body: string;
}
