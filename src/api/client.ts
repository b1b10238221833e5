/** The API as functions. One client a command; the caller closes it. */
import type { Readable } from 'node:stream';
import { Client, type Dispatcher } from 'undici';
import { ERROR_CODES, type ErrorCode, ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import type {
  AdHocRequest,
  AdHocResult,
  ApiError,
  ApplyRequest,
  ApplyResult,
  DownRequest,
  ExplainedSocket,
  Flow,
  PairsAnswer,
  PcapSummary,
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
  /** A pcapng file, while the capture lasts. @param flows As in `shunt pcap`. */
  async pcap(flows: readonly string[], snapBytes?: number, sizeBytes?: number): Promise<Readable> {
    const given = new URLSearchParams(flows.map((flow): [string, string] => ['flow', flow]));
    if (snapBytes !== undefined) given.set('snap', String(snapBytes));
    if (sizeBytes !== undefined) given.set('size', String(sizeBytes));
    const path = `/v1/pcap?${given}`;
    // Nothing may be sent for hours.
    const { statusCode, body } = await this.#send({ method: 'GET', path, bodyTimeout: 0 });
    if (statusCode === 200) return body;
    throw refusal(await body.text(), path);
  }
  /** Ends the capture if one runs; what it, or the last one, caught. */
  stopPcap(): Promise<PcapSummary> {
    return this.#call('DELETE', '/v1/pcap');
  }
  apply(request: ApplyRequest): Promise<ApplyResult> {
    return this.#call('POST', '/v1/apply', request);
  }
  plan(request: ApplyRequest): Promise<ApplyResult> {
    return this.#call('POST', '/v1/plan', request);
  }
  /** @param workload NAMESPACE/NAME. Default: all. */
  pause(workload?: string): Promise<void> {
    return this.#call('POST', '/v1/pause', { workload });
  }
  /** @param workload As in {@link pause}. */
  resume(workload?: string): Promise<void> {
    return this.#call('POST', '/v1/resume', { workload });
  }
  /** What was learned of a workload. @param workload NAMESPACE/NAME. Default: all. */
  forget(workload?: string): Promise<void> {
    return this.#call('POST', '/v1/forget', { workload });
  }
  /** Takes the instance down and ends the supervisor; its memory of what is left is the answer. */
  down(request: DownRequest = {}): Promise<ApplyResult> {
    return this.#call('POST', '/v1/down', request);
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
    const { statusCode, body: answer } = await this.#send({
      method,
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    let text: string;
    try {
      text = await answer.text();
    } catch (cause) {
      throw this.#translate(cause);
    }
    if (statusCode === 200) return text;
    throw refusal(text, path);
  }

  async #send(options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#client.request(options);
    } catch (cause) {
      throw this.#translate(cause);
    }
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

function refusal(text: string, path: string): ShuntError {
  const { code, message } = parse(text, path) as ApiError;
  return new ShuntError(isCode(code) ? code : 'E_API', message);
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
