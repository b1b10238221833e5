/** A whole mesh of its own for one test: an instance with a fresh name, brought up by the command line as a user would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ApiClient } from '../../src/api/client.ts';
import { type Instance, instance } from '../../src/instance.ts';
import { patient } from './patience.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
export const SHUNT = join(ROOT, 'src/cli/shunt');

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class TestMesh implements AsyncDisposable {
  readonly instance: Instance;
  readonly api: ApiClient;
  readonly dir: string;

  private constructor(name: string) {
    this.instance = instance(name);
    this.api = new ApiClient(this.instance);
    this.dir = mkdtempSync(join(tmpdir(), 'shunt-mesh-'));
  }

  /** Writes the resources to a folder and runs `shunt up -f` on it. Fails with what the command said. */
  static async up(resources: string): Promise<TestMesh> {
    const mesh = new TestMesh(`t${randomBytes(4).toString('hex')}`);
    try {
      await mesh.apply(resources);
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      throw error;
    }
    return mesh;
  }

  /** `shunt up -f` with these resources. */
  async apply(resources: string): Promise<Outcome> {
    writeFileSync(join(this.dir, 'mesh.yaml'), resources);
    return await this.ok('up', '-f', this.dir);
  }

  /** The command line with these variables added to its environment. */
  with(env: NodeJS.ProcessEnv): Pick<TestMesh, 'cli'> {
    return { cli: async (...args) => await finished(this.#spawn(args, env)) };
  }

  /** Runs the command line on this instance. */
  async cli(...args: readonly string[]): Promise<Outcome> {
    return await finished(this.start(...args));
  }

  /** As {@link cli}, and throws what the command said when it does not exit with 0. */
  async ok(...args: readonly string[]): Promise<Outcome> {
    const outcome = await this.cli(...args);
    if (outcome.code !== 0) {
      throw new Error(
        `shunt ${args.join(' ')}: exit ${outcome.code ?? outcome.signal}\n${outcome.stdout}${outcome.stderr}`,
      );
    }
    return outcome;
  }

  start(...args: readonly string[]): ChildProcess {
    return this.#spawn(args, {});
  }

  #spawn(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    return spawn(SHUNT, ['--instance', this.instance.name, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
  }

  /** `shunt run` as a workload with this service account. */
  async runAs(serviceAccount: string, ...command: readonly string[]): Promise<Outcome> {
    return await this.cli('run', '--service-account', serviceAccount, '--', ...command);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    const outcome = await this.cli('down');
    rmSync(this.dir, { recursive: true, force: true });
    if (outcome.code !== 0) throw new Error(`shunt down: exit ${outcome.code}\n${outcome.stdout}${outcome.stderr}`);
  }
}

/** Collects what a child prints until it ends. */
export async function finished(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return await new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

/** Waits for a condition; throws its name when it does not come true. The interval is short against what tests wait for. */
export async function waitFor<T>(
  condition: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + patient(timeoutMs);
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
