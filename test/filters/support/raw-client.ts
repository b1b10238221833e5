/** HTTP/1.1 by hand over one keep-alive connection: a path may have any byte, which no HTTP library lets pass. */
import { connect, type Socket } from 'node:net';

export interface RawResponse {
  readonly status: number;
  /** Lower-case names; the last value of a repeated one. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export class RawClient implements Disposable {
  readonly #port: number;
  #socket: Socket | undefined;
  /** Connections made so far: 1 while the server never closed. */
  connections = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** `target` and header values are sent as they are, one character a byte. Connects again where the server closed. */
  async request(method: string, target: string, host: string, headers: [string, string][] = []): Promise<RawResponse> {
    const socket = await this.#connection();
    const lines = [['host', host], ...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const answer = readResponse(socket, method);
    socket.write(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
    const response = await answer;
    if (response.headers.get('connection') === 'close') this.#drop();
    return response;
  }

  [Symbol.dispose](): void {
    this.#drop();
  }

  #drop(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #connection(): Promise<Socket> {
    if (this.#socket !== undefined && !this.#socket.destroyed && this.#socket.writable) return this.#socket;
    const socket = connect(this.#port, '127.0.0.1');
    await new Promise<void>((done, fail) => {
      socket.once('connect', done);
      socket.once('error', fail);
    });
    socket.setNoDelay(true);
    this.connections++;
    this.#socket = socket;
    return socket;
  }
}

/** One response with content-length (Envoy's own and the test upstream's have one). @throws Error when it is cut short. */
function readResponse(socket: Socket, method: string): Promise<RawResponse> {
  return new Promise((done, fail) => {
    let received = '';
    const finish = (result: RawResponse | Error): void => {
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.off('error', finish);
      if (result instanceof Error) fail(result);
      else done(result);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      const response = parse(received, method);
      if (response !== undefined) finish(response);
    };
    const onClose = (): void => finish(new Error(`the connection ended after ${JSON.stringify(received)}`));
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.on('error', finish);
  });
}

function parse(received: string, method: string): RawResponse | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = received.slice(0, end).split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const length = method === 'HEAD' ? 0 : Number(headers.get('content-length') ?? 0);
  const body = received.slice(end + 4);
  if (body.length < length) return undefined;
  return { status: Number(statusLine.split(' ')[1]), headers, body: body.slice(0, length) };
}
