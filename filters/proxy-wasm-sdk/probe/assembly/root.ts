import {
  Bytes, Counter, Gauge, Histogram, HttpContext, JsonDocument, log, LogLevel, RootContext, TcpContext, utf8,
} from "../../assembly";
import { foreignArgument } from "../../assembly/body";
import { setTickPeriodMs } from "../../assembly/clock";
import { Queue } from "../../assembly/queue";
import { addShared } from "./counting";
import { ProbeConnection } from "./connection";
import { ProbeRequest } from "./request";

const TICKS = utf8("ticks");

/** `{tickMs, queue, tcp, refuse, holdDone}`, all optional. */
export class ProbeRoot extends RootContext {
  name: string = "";
  counter: Counter | null = null;
  gauge: Gauge | null = null;
  histogram: Histogram | null = null;
  queue: Queue | null = null;
  vmConfiguration: string = "";
  private tcp: bool = false;
  private holdDone: bool = false;

  onStart(vmConfiguration: Bytes): bool {
    this.vmConfiguration = vmConfiguration.toString();
    return this.vmConfiguration != "refuse";
  }

  onConfigure(configuration: Bytes): bool {
    if (configuration.length == 0) return this.define();
    const document = JsonDocument.parse(configuration);
    const root = document.root;
    root.only(["name", "tickMs", "queue", "tcp", "holdDone"]);
    const name = root.get("name");
    const tickMs = root.get("tickMs");
    const queue = root.get("queue");
    const tcp = root.get("tcp");
    const holdDone = root.get("holdDone");
    if (name !== null) this.name = name.string();
    if (tcp !== null) this.tcp = tcp.boolean();
    if (holdDone !== null) this.holdDone = holdDone.boolean();
    const period = tickMs === null ? 0 : <u32>tickMs.integer(1, 3_600_000);
    if (!document.ok) {
      log(LogLevel.Error, document.error);
      return false;
    }
    if (period > 0) setTickPeriodMs(period);
    if (queue !== null) this.queue = Queue.register(queue.string());
    return this.define();
  }

  private define(): bool {
    this.counter = new Counter("probe.counter");
    this.gauge = new Gauge("probe.gauge");
    this.histogram = new Histogram("probe.histogram");
    return true;
  }

  createHttpContext(): HttpContext {
    return new ProbeRequest(this);
  }

  createTcpContext(): TcpContext | null {
    return this.tcp ? new ProbeConnection() : null;
  }

  onTick(): void {
    addShared(TICKS, 1);
  }

  onQueueReady(token: u32): void {
    const queue = this.queue;
    if (queue === null) return;
    for (let message = queue.dequeue(); message !== null; message = queue.dequeue()) {
      log(LogLevel.Info, "queue " + (queue.token == token).toString() + ": " + message.toString());
    }
  }

  onForeignFunction(functionId: u32, argumentSize: i32): void {
    const argument = foreignArgument.read(0, argumentSize);
    log(LogLevel.Info, "foreign " + functionId.toString() + ": " + (argument === null ? "none" : argument.toString()));
  }

  onDone(): bool {
    return !this.holdDone;
  }
}
