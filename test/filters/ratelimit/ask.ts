/** One request to the ratelimit filter in the Node host. */
import type { HeaderList, LocalReply, Plugin } from 'proxy-wasm-sdk/testing/index.ts';

export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: HeaderList;
  readonly worker?: number;
  readonly address?: string;
}

export interface Outcome {
  readonly admitted: boolean;
  readonly reply: LocalReply | undefined;
  /** Of the answer, as the client sees them. */
  readonly headers: Readonly<Record<string, string>>;
}

export function ask(plugin: Plugin, asking: Asking = {}): Outcome {
  const { method = 'GET', path = '/', headers = [], worker = 0, address = '127.0.0.1:40000' } = asking;
  const properties = { 'source.address': address, 'xds.cluster_name': 'echo', 'request.method': method };
  using stream = plugin.http({ worker, properties });
  const admitted = stream.requestHeaders([[':method', method], [':path', path], ...headers]) === 'continue';
  const answer: HeaderList = admitted ? [] : [...(stream.reply?.headers ?? [])];
  stream.responseHeaders(answer);
  return { admitted, reply: stream.reply, headers: Object.fromEntries(answer) };
}
