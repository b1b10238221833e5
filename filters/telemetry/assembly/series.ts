import {
  Bytes, BytesMap, Counter, Histogram, sharedCreate, sharedGet, sharedReplace, Status, utf8,
} from "proxy-wasm-sdk/assembly";

/** The metrics of one set of labels. */
export class Series {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;

  /** `labels`: `NAME=.=VALUE;.;`, again and again. */
  constructor(labels: string) {
    this.requests = new Counter(labels + "istio_requests_total");
    this.duration = new Histogram(labels + "istio_request_duration_milliseconds");
    this.requestBytes = new Histogram(labels + "istio_request_bytes");
    this.responseBytes = new Histogram(labels + "istio_response_bytes");
  }
}

/** How many sets of labels there are in all workers together. The host never forgets a metric, so this only grows. */
const COUNT = utf8("shunt_telemetry.series");
/** Says in shared data that a set of labels is one of those. */
const KNOWN = new ArrayBuffer(1);
const MOST_TRIES = 1000;

/** Of this VM: metrics belong to the proxy, not to a configuration. */
const table = new BytesMap<Series>();

/** The series of these labels; null where there are too many. `most`: of all workers together. */
export function seriesOf(labels: Bytes, most: u32): Series | null {
  const found = table.find(labels);
  if (found >= 0) return table.valueAt(found);
  const key = labels.copy();
  if (sharedGet(key) === null) {
    if (!claim(most)) return null;
    sharedCreate(key, KNOWN);
  }
  return define(key);
}

/** A series beside the count. */
export function spareSeries(labels: string): Series {
  const key = utf8(labels);
  const found = table.find(Bytes.of(key));
  return found >= 0 ? table.valueAt(found) : define(key);
}

function define(key: ArrayBuffer): Series {
  const series = new Series(String.UTF8.decode(key));
  table.set(key, series);
  return series;
}

/** Counts one more, unless there are `most` already. Two workers that meet the same labels at once count them twice. */
function claim(most: u32): bool {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const shared = sharedGet(COUNT);
    const count: u32 = shared === null || shared.bytes.length != 4 ? 0 : load<u32>(shared.bytes.start);
    if (count >= most) return false;
    const next = new ArrayBuffer(4);
    store<u32>(changetype<usize>(next), count + 1);
    const status = shared === null ? sharedCreate(COUNT, next) : sharedReplace(COUNT, next, shared.cas);
    if (status == Status.Ok) return true;
    if (status != Status.CasMismatch) return false;
  }
  return false;
}
