import { METRIC_TYPES, type MetricType } from './abi.ts';

interface Metric {
  readonly name: string;
  readonly type: MetricType;
  value: bigint;
  readonly samples: bigint[];
}

/** Metrics of a host: one set for all VMs, as in Envoy. They outlive configurations. */
export class Metrics {
  readonly #byName = new Map<string, number>();
  readonly #metrics: Metric[] = [];

  /** Undefined for a type that does not exist. */
  define(type: number, name: string): number | undefined {
    const typeName = METRIC_TYPES[type];
    if (typeName === undefined) return undefined;
    const key = `${typeName} ${name}`;
    let id = this.#byName.get(key);
    if (id === undefined) {
      id = this.#metrics.push({ name, type: typeName, value: 0n, samples: [] }) - 1;
      this.#byName.set(key, id);
    }
    return id;
  }

  /** False for an unknown metric, a histogram, or a counter that would shrink. */
  increment(id: number, by: bigint): boolean {
    const metric = this.#metrics[id];
    if (metric === undefined || metric.type === 'histogram' || (metric.type === 'counter' && by < 0n)) return false;
    metric.value += by;
    return true;
  }

  record(id: number, value: bigint): boolean {
    const metric = this.#metrics[id];
    if (metric === undefined || metric.type === 'counter') return false;
    if (metric.type === 'gauge') metric.value = value;
    else metric.samples.push(value);
    return true;
  }

  get(id: number): bigint | undefined {
    return this.#metrics[id]?.value;
  }

  /** Value of a counter or gauge; undefined where nobody defined it. */
  value(name: string): bigint | undefined {
    return this.#metrics.find((metric) => metric.name === name && metric.type !== 'histogram')?.value;
  }

  samples(name: string): readonly bigint[] {
    return this.#metrics.find((metric) => metric.name === name && metric.type === 'histogram')?.samples ?? [];
  }

  names(): string[] {
    return this.#metrics.map(({ name }) => name);
  }
}
