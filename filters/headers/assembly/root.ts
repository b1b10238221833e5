import { Action, Bytes, HttpContext, log, LogLevel, requestHeaders, responseHeaders, RootContext } from "proxy-wasm-sdk/assembly";
import { Config, readConfig } from "./config";

/** One configuration. */
export class HeadersRoot extends RootContext {
  private config: Config = new Config();

  onConfigure(text: Bytes): bool {
    const config = readConfig(text);
    if (config.problem.length > 0) {
      log(LogLevel.Error, "shunt.headers: configuration refused: " + config.problem);
      return false;
    }
    this.config = config;
    return true;
  }

  createHttpContext(): HttpContext {
    return new EditedStream(this.config);
  }
}

/** Keeps the configuration that it began with: a reload never edits one half of an exchange. */
class EditedStream extends HttpContext {
  constructor(private config: Config) {
    super();
  }

  onRequestHeaders(count: i32, endOfStream: bool): Action {
    const edits = this.config.request;
    if (edits !== null) edits.apply(requestHeaders);
    return Action.Continue;
  }

  onResponseHeaders(count: i32, endOfStream: bool): Action {
    const edits = this.config.response;
    if (edits !== null) edits.apply(responseHeaders);
    return Action.Continue;
  }
}
