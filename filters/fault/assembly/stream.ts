import { Action, Counter, HttpContext, localReply, requestHeaders, utf8 } from "proxy-wasm-sdk/assembly";
import { FaultRoot } from "./root";
import { Rule } from "./rule";
import { isOff } from "./switch";

const BODY = utf8("fault filter abort");

/** One request: goes on, waits, is answered, or waits and is answered. */
export class FaultStream extends HttpContext {
  waiting: bool = false;
  private delayMs: u32 = 0;
  /** Ends it after its delay. */
  private abort: Rule | null = null;

  constructor(private root: FaultRoot) {
    super();
  }

  onRequestHeaders(count: i32, endOfStream: bool): Action {
    const root = this.root;
    const rule = root.ruleFor(requestHeaders.pairs());
    if (rule === null || isOff()) return Action.Continue;
    const delays = root.chance.hits(rule.delayChance);
    const aborts = root.chance.hits(rule.abortChance);
    if (!delays) return aborts ? this.answer(rule) : Action.Continue;
    if (aborts) this.abort = rule;
    this.waiting = true;
    this.delayMs = rule.delayMs;
    add(rule.delayed);
    root.hold(this, rule.delayMs);
    return Action.Pause;
  }

  /** Its time has come, or faults were turned off. Never for a stream that has ended: the host's number may be another's. */
  goOn(unharmed: bool): void {
    if (!this.waiting) return;
    this.waiting = false;
    const abort = this.abort;
    if (abort === null || unharmed) {
      this.resumeRequest();
      return;
    }
    this.enterHost();
    this.answer(abort);
  }

  onDone(): bool {
    if (this.waiting) {
      this.waiting = false;
      this.root.forget(this.delayMs);
    }
    return true;
  }

  private answer(rule: Rule): Action {
    add(rule.aborted);
    localReply(rule.abortStatus, utf8("shunt_fault[" + rule.name + "]"), BODY, null, rule.abortGrpcStatus);
    return Action.Pause;
  }
}

function add(counter: Counter | null): void {
  if (counter !== null) counter.increment();
}
