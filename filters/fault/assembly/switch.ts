import {
  Action, Bytes, HttpContext, localReply, requestHeaders, sharedGet, sharedSet, Status, utf8,
} from "proxy-wasm-sdk/assembly";

/** In shared data: all workers and all listeners with this vm_id see it at once. Absent or empty: faults are injected. */
const KEY = utf8("shunt_fault.off");
const OFF = utf8("off");
const ON = new ArrayBuffer(0);
const METHOD = utf8(":method");
const PATH = utf8(":path");
const GET = utf8("GET");
const POST = utf8("POST");
const NOTHING = new ArrayBuffer(0);

/** Whether faults are turned off. */
export function isOff(): bool {
  const value = sharedGet(KEY);
  return value !== null && value.bytes.length > 0;
}

/** Answers `GET /`, `POST /off` and `POST /on`; nothing reaches an upstream. */
export class SwitchStream extends HttpContext {
  onRequestHeaders(count: i32, endOfStream: bool): Action {
    const method = requestHeaders.first(METHOD);
    const path = requestHeaders.first(PATH);
    let status = 404;
    if (method !== null && path !== null) status = act(method, path);
    const body = status == 200 ? utf8(isOff() ? "off\n" : "on\n") : utf8("GET /, POST /off, POST /on\n");
    localReply(status, NOTHING, body);
    return Action.Pause;
  }
}

function act(method: Bytes, path: Bytes): i32 {
  if (is(path, "/")) return method.equals(GET) ? 200 : 405;
  const off = is(path, "/off");
  if (!off && !is(path, "/on")) return 404;
  if (!method.equals(POST)) return 405;
  return sharedSet(KEY, off ? OFF : ON) == Status.Ok ? 200 : 500;
}

function is(path: Bytes, text: string): bool {
  return path.equals(utf8(text));
}
