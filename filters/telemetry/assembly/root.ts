import { allocate, Bytes, Counter, HttpContext, log, LogLevel, RootContext, utf8 } from "proxy-wasm-sdk/assembly";
import { Config, readConfig } from "./config";
import { durationMs, OWN_LABELS, ownLabels, requestBytes, responseBytes } from "./exchange";
import { Series, seriesOf, spareSeries } from "./series";

const SEPARATOR = utf8(";.;");
const UNKNOWN = utf8("unknown");
const LONGEST_VALUE = 200;

/** One configuration. */
export class TelemetryRoot extends RootContext {
  private config: Config = new Config();
  /** The labels of what is too much to tell apart. */
  private others: string = "";
  private overflowed: Counter | null = null;

  onConfigure(text: Bytes): bool {
    const config = readConfig(text);
    if (config.problem.length > 0) {
      log(LogLevel.Error, "shunt.telemetry: configuration refused: " + config.problem);
      return false;
    }
    this.overflowed = new Counter("shunt_telemetry.overflowed");
    this.others = "";
    for (let i = 0; i < config.labels.length; i++) this.others += config.labels[i].name + "=.=other;.;";
    this.others += OWN_LABELS[0] + "=.=" + (config.isSource ? "source" : "destination") + ";.;";
    for (let i = 1; i < OWN_LABELS.length; i++) this.others += OWN_LABELS[i] + "=.=other;.;";
    this.config = config;
    return true;
  }

  createHttpContext(): HttpContext {
    return new TelemetryStream(this);
  }

  /** Counts the exchange that is logged. A host that logs in the middle of it does not know how long it took: not counted. */
  record(): void {
    const duration = durationMs();
    if (duration < 0) return;
    const series = this.series();
    series.requests.increment();
    series.duration.record(duration);
    series.requestBytes.record(requestBytes());
    series.responseBytes.record(responseBytes());
  }

  private series(): Series {
    const found = seriesOf(this.labels(), this.config.maxSeries);
    if (found !== null) return found;
    const overflowed = this.overflowed;
    if (overflowed !== null) overflowed.increment();
    return spareSeries(this.others);
  }

  /** All labels, in memory of this callback. */
  private labels(): Bytes {
    const labels = this.config.labels;
    const own = utf8(ownLabels(this.config.isSource));
    let room = own.byteLength;
    const values: ArrayBuffer[] = [];
    for (let i = 0; i < labels.length; i++) {
      const value = labels[i].value.render();
      const filled = value === null || value.byteLength == 0 ? UNKNOWN : value;
      values.push(filled);
      room += labels[i].start.byteLength + min(filled.byteLength, LONGEST_VALUE) + SEPARATOR.byteLength;
    }
    const result = Bytes.at(allocate(room), 0);
    for (let i = 0; i < labels.length; i++) {
      put(result, labels[i].start);
      putValue(result, values[i]);
      put(result, SEPARATOR);
    }
    put(result, own);
    return result;
  }
}

class TelemetryStream extends HttpContext {
  constructor(private root: TelemetryRoot) {
    super();
  }

  onLog(): void {
    this.root.record();
  }
}

function put(to: Bytes, buffer: ArrayBuffer): void {
  memory.copy(to.start + to.length, changetype<usize>(buffer), buffer.byteLength);
  to.length += buffer.byteLength;
}

/** What could end or imitate a label, and what is not printable ASCII, becomes `_`. */
function putValue(to: Bytes, value: ArrayBuffer): void {
  const length = min(value.byteLength, LONGEST_VALUE);
  for (let i = 0; i < length; i++) {
    const c = load<u8>(changetype<usize>(value) + i);
    const good = c >= 0x20 && c < 0x7f && c != 0x3b && c != 0x3d;
    store<u8>(to.start + to.length + i, good ? c : 0x5f);
  }
  to.length += length;
}
