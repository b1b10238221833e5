/** Envoy's administration interface over its unix socket: is it ready, what did it accept. */
import { Client } from 'undici';
import { ShuntError } from '../errors.ts';
import { filterName, isEcds, type XdsType } from '../proxy/envoy/config-source.ts';

/** Envoy answers from its main thread; a longer silence means that it hangs. */
const ADMIN_TIMEOUT_MS = 5000;

function statPrefix(type: XdsType): string {
  if (isEcds(type)) return `extension_config_discovery.http_filter.${filterName(type)}.`;
  return type === 'cds' ? 'cluster_manager.cds.' : 'listener_manager.lds.';
}

/** What Envoy says of one subscription. */
export interface SubscriptionState {
  /** `version_info` of the last accepted response; absent while nothing was accepted or nobody subscribed. */
  readonly version?: string;
  readonly rejected: number;
}

export class EnvoyAdmin {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** False while Envoy starts, is gone or does not answer. */
  async isReady(): Promise<boolean> {
    try {
      return (await this.#get('/ready')).trim() === 'LIVE';
    } catch {
      return false;
    }
  }

  /** True when every listener that Envoy accepted is bound and served by the workers. */
  async listenersActive(): Promise<boolean> {
    const stats = await this.#stats('listener_manager.(total_listeners_warming|workers_started)');
    return (
      stats.get('listener_manager.total_listeners_warming') === 0 && stats.get('listener_manager.workers_started') === 1
    );
  }

  async subscription(type: XdsType): Promise<SubscriptionState> {
    const prefix = statPrefix(type);
    const text = await this.#get(`/stats?filter=^${encodeURIComponent(prefix.replaceAll('.', '\\.'))}`);
    let version: string | undefined;
    let rejected = 0;
    for (const line of text.split('\n')) {
      const [name = '', value = ''] = split(line);
      if (name.endsWith('.version_text')) version = value.replace(/^"(.*)"$/, '$1') || undefined;
      if (name.endsWith('.update_rejected')) rejected += Number(value);
    }
    return { ...(version === undefined ? {} : { version }), rejected };
  }

  /** Envoy's own words about listeners that it could not make. */
  async listenerErrors(): Promise<string[]> {
    const dump = JSON.parse(await this.#get('/config_dump?resource=dynamic_listeners')) as {
      configs?: { name?: string; error_state?: { details?: string } }[];
    };
    return (dump.configs ?? []).flatMap(({ name, error_state }) =>
      error_state?.details === undefined ? [] : [`${name ?? 'listener'}: ${error_state.details}`],
    );
  }

  /** Counters whose name matches the regular expression. */
  async #stats(filter: string): Promise<Map<string, number>> {
    const text = await this.#get(`/stats?filter=${encodeURIComponent(filter)}`);
    return new Map(text.split('\n').map((line) => [split(line)[0] ?? '', Number(split(line)[1])]));
  }

  async #get(path: string): Promise<string> {
    const client = new Client('http://envoy', {
      connect: { socketPath: this.#socketPath },
      headersTimeout: ADMIN_TIMEOUT_MS,
      bodyTimeout: ADMIN_TIMEOUT_MS,
    });
    try {
      const response = await client.request({ method: 'GET', path });
      return await response.body.text();
    } catch (cause) {
      throw new ShuntError(
        'E_PROXY',
        `Envoy's administration socket ${this.#socketPath}: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    } finally {
      await client.destroy();
    }
  }
}

function split(line: string): string[] {
  const at = line.indexOf(': ');
  return at < 0 ? [line] : [line.slice(0, at), line.slice(at + 2)];
}
