import {
  Action, DataAction, HttpContext, localReply, log, LogLevel, PairList, property, requestHeaders, responseHeaders,
  requestTrailers, responseTrailers, setProperty, utf8,
} from "../../assembly";
import { callResponseBody, grpcMessage, requestBody, responseBody } from "../../assembly/body";
import { httpCall } from "../../assembly/callout";
import { nowNs } from "../../assembly/clock";
import { callForeign, clearRouteCache } from "../../assembly/foreign";
import { grpcCall, grpcCancel, grpcClose, grpcEndMessage, grpcEndStatus, grpcSend, grpcStream } from "../../assembly/grpc";
import { callResponseHeaders, grpcInitialMetadata, grpcTrailingMetadata } from "../../assembly/headers";
import { addShared, SHARED } from "./counting";
import { dumpJson } from "./json";
import { ProbeRoot } from "./root";

const DO = utf8("x-do");
const WITH = utf8("x-with");
const STATUS = utf8(":status");
const EMPTY = new ArrayBuffer(0);

export class ProbeRequest extends HttpContext {
  private order: string = "";
  private token: u32 = 0;
  private unary: bool = false;

  constructor(private root: ProbeRoot) {
    super();
  }

  onRequestHeaders(count: i32, endOfStream: bool): Action {
    const order = requestHeaders.first(DO);
    this.order = order === null ? "" : order.toString();
    const argument = requestHeaders.first(WITH);
    const text = argument === null ? "" : argument.toString();
    const name = utf8(text);
    if (this.order == "pairs") return this.reply(this.allPairs());
    if (this.order == "first") {
      const value = requestHeaders.first(name);
      return this.reply(value === null ? "absent" : "present " + value.length.toString() + " " + value.toString());
    }
    if (this.order == "edit") return this.edit();
    if (this.order == "property") {
      const value = property(utf8(text.replaceAll(".", "\0")));
      return this.reply(value === null ? "absent" : value.length.toString() + " " + value.toString() + " " + value.toU64().toString());
    }
    if (this.order == "set-property") return this.reply(setProperty(name, utf8("value")).toString());
    if (this.order == "json") return this.reply(argument === null ? "" : dumpJson(argument));
    if (this.order == "shared") return this.reply(addShared(SHARED, 1).toString());
    if (this.order == "enqueue") {
      const queue = this.root.queue;
      return this.reply(queue === null ? "no queue" : queue.enqueue(name).toString());
    }
    if (this.order == "foreign") {
      const result = callForeign(name, utf8("argument"));
      return this.reply(result === null ? "absent" : "result " + result.toString());
    }
    if (this.order == "clear-route") return this.reply(clearRouteCache().toString());
    if (this.order == "time") return this.reply(nowNs().toString());
    if (this.order == "root") return this.reply(this.root.name + " " + this.root.vmConfiguration);
    if (this.order == "metrics") return this.metrics();
    if (this.order == "trap") return this.reply(text.charAt(<i32>parseInt(text)) + trap(text));
    if (this.order == "garbage") return this.garbage(<i32>parseInt(text));
    if (this.order == "call") return this.call(text);
    if (this.order == "grpc") return this.grpc(text);
    return Action.Continue;
  }

  onRequestBody(size: i32, endOfStream: bool): DataAction {
    if (this.order == "hold-body" && !endOfStream) return DataAction.PauseAndBuffer;
    if (this.order == "drop-body") return DataAction.PauseNoBuffer;
    if (this.order == "hold-body") {
      const all = requestBody.read();
      requestBody.set(utf8("[" + (all === null ? "" : all.toString()) + "]"));
    } else if (this.order == "splice-body") {
      requestBody.replace(1, 2, utf8("XYZ"));
      requestBody.prepend(utf8("<"));
      requestBody.append(utf8(">" + requestBody.size().toString()));
    }
    return DataAction.Continue;
  }

  onRequestTrailers(count: i32): Action {
    requestTrailers.add(utf8("x-count"), utf8(count.toString()));
    return Action.Continue;
  }

  onResponseHeaders(count: i32, endOfStream: bool): Action {
    if (this.order == "edit-response") responseHeaders.set(utf8("x-count"), utf8(count.toString()));
    return Action.Continue;
  }

  onResponseBody(size: i32, endOfStream: bool): DataAction {
    if (this.order == "edit-response") responseBody.set(utf8(size.toString()));
    return DataAction.Continue;
  }

  onResponseTrailers(count: i32): Action {
    if (this.order == "edit-response") responseTrailers.remove(utf8("x-secret"));
    return Action.Continue;
  }

  onHttpCallResponse(token: u32, headers: i32, bodySize: i32, trailers: i32): void {
    const same = token == this.token;
    const status = headers > 0 ? callResponseHeaders.first(STATUS) : null;
    if (status === null) {
      this.reply("call failed " + same.toString());
      return;
    }
    const body = callResponseBody.read();
    requestHeaders.set(utf8("x-answer"), utf8(status.toString() + " " + (body === null ? "" : body.toString()) + " " + same.toString()));
    this.resumeRequest();
  }

  onGrpcInitialMetadata(token: u32, pairs: i32): void {
    log(LogLevel.Info, "grpc initial " + grpcInitialMetadata.pairs().length.toString());
  }

  onGrpcMessage(token: u32, size: i32): void {
    const message = grpcMessage.read(0, size);
    log(LogLevel.Info, "grpc message " + (message === null ? "none" : message.toString()));
    // the answer of a unary call is its end
    if (this.unary) this.resumeRequest();
    if (this.order == "grpc" && message !== null && message.toString() == "more") grpcSend(token, utf8("again"), true);
  }

  onGrpcTrailingMetadata(token: u32, pairs: i32): void {
    log(LogLevel.Info, "grpc trailing " + grpcTrailingMetadata.pairs().length.toString());
  }

  onGrpcClose(token: u32, status: i32): void {
    const message = grpcEndMessage();
    const why = message === null ? "" : message.toString();
    log(LogLevel.Info, "grpc closed " + status.toString() + " " + grpcEndStatus().toString() + " " + why);
    this.resumeRequest();
  }

  onLog(): void {
    if (this.order == "log") log(LogLevel.Info, "logged " + this.id.toString());
  }

  private reply(body: string): Action {
    localReply(200, EMPTY, utf8(body), new PairList().addText("x-probe", "yes"));
    return Action.Pause;
  }

  private allPairs(): string {
    const pairs = requestHeaders.pairs();
    let text = pairs.length.toString();
    while (pairs.next()) text += "\n" + pairs.name.toString() + "=" + pairs.value.toString();
    const second = pairs.find(WITH);
    return text + "\nsize " + requestHeaders.byteSize().toString() + " found " + (second === null ? "no" : second.toString());
  }

  private edit(): Action {
    requestHeaders.add(utf8("x-many"), utf8("2"));
    requestHeaders.set(utf8("x-set"), utf8("new"));
    requestHeaders.remove(utf8("x-gone"));
    const none = responseHeaders.add(utf8("x"), utf8("y"));
    requestHeaders.add(utf8("x-status"), utf8(none.toString()));
    return Action.Continue;
  }

  private metrics(): Action {
    const counter = this.root.counter;
    const gauge = this.root.gauge;
    const histogram = this.root.histogram;
    if (counter === null || gauge === null || histogram === null) return this.reply("undefined");
    counter.increment();
    counter.increment(4);
    gauge.set(10);
    gauge.add(-3);
    histogram.record(42);
    return this.reply(counter.value.toString() + " " + gauge.value.toString());
  }

  private garbage(count: i32): Action {
    let text = "";
    for (let i = 0; i < count; i++) text = "some text that is thrown away " + i.toString();
    return this.reply(text.length.toString());
  }

  private call(text: string): Action {
    const headers = new PairList().addText(":method", "GET").addText(":path", "/").addText(":authority", "x");
    const call = httpCall(this, "cluster", text == "bad" ? new PairList() : headers, utf8("body"), 250);
    if (call.status != 0) return this.reply("not sent " + call.status.toString());
    this.token = call.token;
    return Action.Pause;
  }

  private grpc(text: string): Action {
    const target = utf8("target");
    const metadata = new PairList().addText("m", "1");
    if (text == "call") {
      this.unary = true;
      this.token = grpcCall(this, target, "service", "method", metadata, utf8("ask"), 100).token;
      return Action.Pause;
    }
    this.token = grpcStream(this, target, "service", "method", metadata).token;
    grpcSend(this.token, utf8("one"), false);
    if (text == "cancel") return this.reply("cancelled " + grpcCancel(this.token).toString() + " " + grpcSend(this.token, utf8("late"), true).toString());
    if (text == "close") grpcClose(this.token);
    return Action.Pause;
  }
}

function trap(text: string): string {
  assert(text.length > 100, "trapped on purpose");
  return text;
}
