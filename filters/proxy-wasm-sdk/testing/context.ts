import type { StreamName } from './abi.ts';
import type { HeaderList } from './pairs.ts';

export type PropertyValue = string | Uint8Array | number | bigint | boolean;

export interface LocalReply {
  readonly status: number;
  readonly details: string;
  readonly body: string;
  readonly headers: HeaderList;
  /** -1: derived from the status. */
  readonly grpcStatus: number;
}

/** What the host knows of one context: a configuration (root), a request or a connection. */
export class GuestContext {
  readonly id: number;
  /** Itself for a root. */
  readonly root: GuestContext;
  /** By HeaderMap; absent: not there in this callback. */
  readonly maps: (HeaderList | undefined)[] = [];
  /** By BufferType. */
  readonly buffers: (Buffer | undefined)[] = [];
  /** Keyed by path with dots: `xds.cluster_name`. */
  readonly properties: Map<string, PropertyValue>;
  reply: LocalReply | undefined;
  readonly resumed = new Set<StreamName>();
  readonly closed = new Set<StreamName>();
  routeCacheCleared = false;
  /** The guest answered on_done with false and has not called proxy_done yet. */
  waitsForDone = false;

  constructor(id: number, root: GuestContext | undefined, properties: Map<string, PropertyValue>) {
    this.id = id;
    this.root = root ?? this;
    this.properties = properties;
  }
}
