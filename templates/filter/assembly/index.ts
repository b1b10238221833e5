/** FILTER_NAME: says in a header of each response who sent it. README.md says how to load it. */
import {
  Action,
  Bytes,
  Counter,
  HttpContext,
  JsonDocument,
  log,
  LogLevel,
  registerRoot,
  responseHeaders,
  RootContext,
  utf8,
} from 'proxy-wasm-sdk/assembly';

// What the host may call. Each module costs a call for each event, so export only what the filter uses.
export * from 'proxy-wasm-sdk/assembly/exports/base';
export * from 'proxy-wasm-sdk/assembly/exports/response-headers';

const HEADER = utf8('x-served-by');

/** One configuration: `{"value": TEXT}`, see schema.json. */
class FilterRoot extends RootContext {
  value: ArrayBuffer = new ArrayBuffer(0);
  responses: Counter | null = null;

  onConfigure(text: Bytes): bool {
    const document = JsonDocument.parse(text);
    const root = document.root;
    root.only(['value']);
    const value = root.need('value').bytes();
    if (document.ok && value.byteLength == 0) root.need('value').fail('expected text that is not empty');
    if (!document.ok) {
      log(LogLevel.Error, 'FILTER_NAME: configuration refused: ' + document.error);
      return false; // the proxy keeps the configuration that it has
    }
    this.value = value;
    this.responses = new Counter('FILTER_NAME.responses');
    return true;
  }

  createHttpContext(): HttpContext {
    return new FilterResponse(this);
  }
}

class FilterResponse extends HttpContext {
  constructor(private root: FilterRoot) {
    super();
  }

  onResponseHeaders(count: i32, endOfStream: bool): Action {
    responseHeaders.set(HEADER, this.root.value);
    const responses = this.root.responses;
    if (responses !== null) responses.increment();
    return Action.Continue;
  }
}

registerRoot(() => new FilterRoot());
