/** The API as functions. One client a command; the caller closes it. */
import { Client } from 'undici';
import { ERROR_CODES, type ErrorCode, ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import type {
  AdHocRequest,
  AdHocResult,
  ApiError,
  ApplyRequest,
  ApplyResult,
  ExplainedSocket,
  Flow,
  PairsAnswer,
  Status,
  WorkloadStatus,
} from './types.ts';

/** An apply waits for Envoy and for workloads to stop; more than this means that the supervisor hangs. */
const REQUEST_TIMEOUT_MS = 120_000;

type Method = 'GET' | 'POST' | 'DELETE';

/** Talks to the supervisor of one instance. Every method throws E_NOT_RUNNING when no supervisor listens. */
export class ApiClient implements AsyncDisposable {
  readonly #client: Client;
  readonly #instance: string;

  constructor(instance: Instance) {
    this.#instance = instance.name;
    this.#client = new Client('http://shunt', {
      connect: { socketPath: instance.apiSocket },
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
      // A connection for each request: a kept one would fail the first request to the next supervisor.
      pipelining: 0,
    });
  }

  status(): Promise<Status> {
    return this.#call('GET', '/v1/status');
  }
  workloads(): Promise<WorkloadStatus[]> {
    return this.#call('GET', '/v1/workloads');
  }
  flows(): Promise<Flow[]> {
    return this.#call('GET', '/v1/flows');
  }
  connections(): Promise<ExplainedSocket[]> {
    return this.#call('GET', '/v1/connections');
  }
  /** @param what `PID:FD`, or the two ends of a connection. */
  explain(what: string): Promise<ExplainedSocket[]> {
    return this.#call('GET', `/v1/explain/${encodeURIComponent(what)}`);
  }
  /** @param costSeconds Has the programs measured for so long from now on. */
  pairs(costSeconds?: number): Promise<PairsAnswer> {
    return this.#call('GET', `/v1/pairs${query({ cost: costSeconds })}`);
  }
  /** Prometheus' text format, or its samples as JSON. @param costSeconds As in {@link pairs}. */
  async metrics(format: 'text' | 'json', costSeconds?: number): Promise<unknown> {
    const path = `/metrics${query({ cost: costSeconds, ...(format === 'json' ? { format } : {}) })}`;
    return format === 'json' ? await this.#call('GET', path) : await this.#text('GET', path);
  }
  apply(request: ApplyRequest): Promise<ApplyResult> {
    return this.#call('POST', '/v1/apply', request);
  }
  plan(request: ApplyRequest): Promise<ApplyResult> {
    return this.#call('POST', '/v1/plan', request);
  }
  pause(): Promise<void> {
    return this.#call('POST', '/v1/pause');
  }
  resume(): Promise<void> {
    return this.#call('POST', '/v1/resume');
  }
  /** Takes the instance down and ends the supervisor; its memory of what is left is the answer. */
  down(): Promise<ApplyResult> {
    return this.#call('POST', '/v1/down');
  }
  addAdHoc(request: AdHocRequest): Promise<AdHocResult> {
    return this.#call('POST', '/v1/workloads', request);
  }
  removeAdHoc(key: string): Promise<void> {
    return this.#call('DELETE', `/v1/workloads/${encodeURIComponent(key)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }

  async #call<T>(method: Method, path: string, body?: unknown): Promise<T> {
    return parse(await this.#text(method, path, body), path) as T;
  }

  /** The body of an answer that is 200. */
  async #text(method: Method, path: string, body?: unknown): Promise<string> {
    const options = { method, path, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    let status: number;
    let text: string;
    try {
      const response = await this.#client.request(options);
      status = response.statusCode;
      text = await response.body.text();
    } catch (cause) {
      throw this.#translate(cause);
    }
    if (status === 200) return text;
    const { code, message } = parse(text, path) as ApiError;
    throw new ShuntError(isCode(code) ? code : 'E_API', message);
  }

  #translate(cause: unknown): ShuntError {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new ShuntError(
        'E_NOT_RUNNING',
        `no supervisor runs instance ${this.#instance}; start it: shunt up -f PATH`,
        {
          cause,
        },
      );
    }
    if (code === 'EACCES') {
      return new ShuntError('E_NEEDS', 'the supervisor listens for root only; run as root', { cause });
    }
    return new ShuntError('E_API', `supervisor of instance ${this.#instance}: ${(cause as Error).message}`, { cause });
  }
}

function query(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? '' : `?${given}`;
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ShuntError('E_API', `${path}: expected JSON, got ${JSON.stringify(text.slice(0, 80))}`, { cause });
  }
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
