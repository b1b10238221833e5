/**
 * The machine's memory for TCP, net.ipv4.tcp_mem, which a test may make short for moments. It is one for all namespaces,
 * and several tests may run at once: who read it while another had lowered it would put the lowered values back for ever.
 */
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FILE = '/proc/sys/net/ipv4/tcp_mem';
/** Bound by who may change the file; the kernel frees it with its process. */
const LOCK = '\0shunt-test-tcp-mem';
/** What was there before; is left behind only by a process that died while memory was short. */
const BEFORE = join(tmpdir(), 'shunt-test-tcp-mem');
const LOCK_AGAIN_MS = 5;

/** Dispose it: memory is as it was, and another one's turn comes. */
export class TcpMemory implements AsyncDisposable {
  readonly #lock: Server;
  readonly #before: string;

  private constructor(lock: Server) {
    this.#lock = lock;
    this.#before = readFileSync(existsSync(BEFORE) ? BEFORE : FILE, 'utf8');
    this.restore();
  }

  /** Waits until no other process has it. One that has it and changes nothing keeps memory as it is. */
  static async take(): Promise<TcpMemory> {
    return (await TcpMemory.tryTake(Number.POSITIVE_INFINITY)) as TcpMemory;
  }

  /** Undefined: another process had it for all of `waitMs` (default: has it now). */
  static async tryTake(waitMs = 0): Promise<TcpMemory | undefined> {
    const until = performance.now() + waitMs;
    for (;;) {
      const lock = createServer().listen(LOCK);
      try {
        await once(lock, 'listening');
        return new TcpMemory(lock);
      } catch (error) {
        lock.close();
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      }
      if (performance.now() >= until) return undefined;
      await sleep(LOCK_AGAIN_MS);
    }
  }

  /** From `pages` on the kernel is short of memory for TCP, until it holds less than that. */
  shorten(pages: number): void {
    writeFileSync(BEFORE, this.#before);
    writeFileSync(FILE, `${pages} ${pages} ${this.#before.trim().split(/\s+/)[2]}`);
  }

  restore(): void {
    writeFileSync(FILE, this.#before);
    rmSync(BEFORE, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.restore();
    this.#lock.close();
    await once(this.#lock, 'close');
  }
}

/** Pages that the machine's TCP sockets hold now. */
export function tcpPagesHeld(): number {
  return Number(/^TCP: .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1]);
}
