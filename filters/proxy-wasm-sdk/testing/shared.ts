import { Status } from './abi.ts';

interface Entry {
  value: Buffer;
  cas: number;
}

/** Shared data: one for all VMs with the same vm_id. */
export class SharedData {
  readonly #entries = new Map<string, Entry>();
  #nextCas = 1;

  get(key: string): Readonly<Entry> | undefined {
    return this.#entries.get(key);
  }

  /** `cas` 0 overwrites whatever is there, as in Envoy. */
  set(key: string, value: Buffer, cas: number): number {
    const entry = this.#entries.get(key);
    if (cas !== 0 && entry !== undefined && entry.cas !== cas) return Status.CasMismatch;
    this.#entries.set(key, { value, cas: this.#nextCas++ });
    return Status.Ok;
  }
}

/** Queues of a host: registered under (vm_id, name), found by token. */
export class SharedQueues {
  readonly #tokens = new Map<string, number>();
  readonly #queues = new Map<number, { messages: Buffer[]; ready: () => void }>();

  /** The same name gives the same token; the last to register is told about messages. */
  register(vmId: string, name: string, ready: (token: number) => void): number {
    const key = `${vmId}\0${name}`;
    const token = this.#tokens.get(key) ?? this.#tokens.size + 1;
    this.#tokens.set(key, token);
    const messages = this.#queues.get(token)?.messages ?? [];
    this.#queues.set(token, { messages, ready: () => ready(token) });
    return token;
  }

  resolve(vmId: string, name: string): number | undefined {
    return this.#tokens.get(`${vmId}\0${name}`);
  }

  /** False for an unknown token. */
  enqueue(token: number, message: Buffer): boolean {
    const queue = this.#queues.get(token);
    queue?.messages.push(message);
    queue?.ready();
    return queue !== undefined;
  }

  /** Undefined for an unknown token, null for an empty queue. */
  dequeue(token: number): Buffer | null | undefined {
    const queue = this.#queues.get(token);
    return queue === undefined ? undefined : (queue.messages.shift() ?? null);
  }
}
