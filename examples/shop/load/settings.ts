/** The load generator's environment. The defaults leave two cores room for all the rest. */

export interface Settings {
  /** Requests a second over all connections. */
  readonly rate: number;
  /** Keep-alive connections to each Service. */
  readonly connections: number;
  /** Also written here, one JSON line a second; undefined: only to standard output. */
  readonly reportFile: string | undefined;
  readonly webUrl: string;
  readonly apiUrl: string;
  readonly cacheHost: string;
  readonly cachePort: number;
  /** Bytes of the uploads, in turn. */
  readonly uploadSizes: readonly number[];
  readonly uploadPauseMs: number;
  /** Of one request, and of one upload or download. */
  readonly timeoutMs: number;
}

/** 1 B to 10 MB, around the sizes where buffers of Envoy and nginx end. */
const UPLOAD_SIZES = [1, 1000, 16_384, 65_535, 65_536, 65_537, 1_000_000, 1_048_577, 10_000_000];

/** @throws Error naming the variable and what was expected. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return {
    rate: number(env, 'LOAD_RATE', 300),
    connections: number(env, 'LOAD_CONNECTIONS', 8),
    reportFile: env.LOAD_REPORT_FILE,
    webUrl: env.LOAD_WEB_URL ?? 'http://web',
    apiUrl: env.LOAD_API_URL ?? 'http://api',
    cacheHost: env.LOAD_CACHE_HOST ?? 'cache',
    cachePort: number(env, 'LOAD_CACHE_PORT', 6379),
    uploadSizes: env.LOAD_UPLOAD_SIZES?.split(',').map((text) => positive('LOAD_UPLOAD_SIZES', text)) ?? UPLOAD_SIZES,
    uploadPauseMs: number(env, 'LOAD_UPLOAD_PAUSE_MS', 500),
    timeoutMs: number(env, 'LOAD_TIMEOUT_MS', 30_000),
  };
}

function number(env: NodeJS.ProcessEnv, name: string, fallback: number): number {
  return env[name] === undefined ? fallback : positive(name, env[name]);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name}=${text}: expected a whole number of at least 1`);
  return value;
}
