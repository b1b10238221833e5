import { OUT } from "./arena";
import { addressOf, Bytes } from "./bytes";
import { BytesIndex } from "./bytesmap";
import {
  proxy_define_metric,
  proxy_get_metric,
  proxy_increment_metric,
  proxy_record_metric,
} from "./imports";
import { MetricType, Status } from "./status";

/** What this VM has defined, by type and name: a host keeps an entry for each definition, and so grew with each reload. */
const known = new BytesIndex();
const ids: u32[] = [];

/**
 * Metrics of the host. Define them in `onConfigure` (Envoy refuses earlier); the same name gives the same metric in every
 * VM and after every reload, so counters survive. Envoy's name is `wasmcustom.NAME`. Where the host refuses to define
 * one, `defined` is false and writing to it does nothing.
 */
class Metric {
  readonly defined: bool;
  protected readonly id: u32;

  constructor(type: MetricType, name: string) {
    const key = String.UTF8.encode(String.fromCharCode(type) + name);
    let index = known.find(Bytes.of(key));
    if (index < 0 && proxy_define_metric(type, addressOf(key) + 1, key.byteLength - 1, OUT) == Status.Ok) {
      index = known.add(key);
      ids.push(load<u32>(OUT));
    }
    this.defined = index >= 0;
    this.id = index >= 0 ? ids[index] : 0;
  }

  /** The value over all workers. 0 where the metric is not defined. */
  get value(): u64 {
    return this.defined && proxy_get_metric(this.id, OUT) == Status.Ok ? load<u64>(OUT) : 0;
  }
}

/** Only grows. */
export class Counter extends Metric {
  constructor(name: string) {
    super(MetricType.Counter, name);
  }

  increment(by: u32 = 1): void {
    if (this.defined) proxy_increment_metric(this.id, by);
  }
}

/** Goes up and down. */
export class Gauge extends Metric {
  constructor(name: string) {
    super(MetricType.Gauge, name);
  }

  add(by: i64): void {
    if (this.defined) proxy_increment_metric(this.id, by);
  }

  set(value: u64): void {
    if (this.defined) proxy_record_metric(this.id, value);
  }
}

/** Whole numbers; the unit is part of the name (`…_ms`). */
export class Histogram extends Metric {
  constructor(name: string) {
    super(MetricType.Histogram, name);
  }

  record(value: u64): void {
    if (this.defined) proxy_record_metric(this.id, value);
  }
}
