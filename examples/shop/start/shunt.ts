/** shunt, as this example uses it: the command line for what changes the machine, the API for what is asked every second. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { ApiClient } from '../../../src/api/client.ts';
import type { Instance } from '../../../src/instance.ts';

const MAIN = resolve(import.meta.dirname, '../../../src/cli/main.ts');

export class Shunt implements AsyncDisposable {
  readonly instance: Instance;
  readonly api: ApiClient;

  constructor(instance: Instance) {
    this.instance = instance;
    this.api = new ApiClient(instance);
  }

  /** @returns one line a change. Rejects with what the command said. */
  async up(meshDir: string): Promise<readonly string[]> {
    return await this.#changes('up', '-f', meshDir);
  }

  /** Also when nothing is up. @returns one line a change. */
  async down(): Promise<readonly string[]> {
    return await this.#changes('down');
  }

  /** `shunt run`: a program as a workload, with pipes for input and output. */
  run(options: readonly string[], command: readonly string[]): ChildProcessByStdio<Writable, Readable, Readable> {
    return spawn(process.execPath, [MAIN, '--instance', this.instance.name, 'run', ...options, '--', ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true, // Ctrl-C is for this program, which then ends its children in order
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
  }

  async #changes(...words: readonly string[]): Promise<readonly string[]> {
    const child = spawn(process.execPath, [MAIN, '--instance', this.instance.name, '-o', 'json', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const [stdout, stderr, code] = await Promise.all([textOf(child.stdout), textOf(child.stderr), exitOf(child)]);
    if (code !== 0) throw new Error(`shunt ${words.join(' ')}: ${messageIn(stderr) || `exit ${code}`}`);
    return (JSON.parse(stdout) as { changes: string[] }).changes;
  }
}

export async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

/** The exit status; 128 when a signal ended it. */
export function exitOf(child: ChildProcessByStdio<Writable | null, Readable, Readable>): Promise<number> {
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => done(code ?? 128));
  });
}

/** Errors come as one JSON object a line; other lines are passed on as they are. */
function messageIn(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines
    .map((line) => (line.startsWith('{') ? (JSON.parse(line) as { message?: string }).message : line) ?? line)
    .join('; ');
}
