import {
  Action, Bytes, Counter, GrpcStatus, HttpContext, localReply, log, LogLevel, nowNs, PairList, requestHeaders,
  responseHeaders, RootContext, sharedCreate, sharedGet, utf8,
} from "proxy-wasm-sdk/assembly";
import { Draw, SECOND_NS } from "./bucket";
import { draw } from "./buckets";
import { Config, readConfig } from "./config";
import { Rule } from "./rule";
import { SipHash } from "./siphash";

const KEY = utf8("shunt_ratelimit.key");
const BODY = utf8("rate limit exceeded");
const FAILED = utf8("shunt_ratelimit_failed");
const EMPTY = new ArrayBuffer(0);
const LIMIT = utf8("x-ratelimit-limit");
const REMAINING = utf8("x-ratelimit-remaining");
const RESET = utf8("x-ratelimit-reset");
const RETRY_AFTER = utf8("retry-after");

/** One configuration. */
export class RateLimitRoot extends RootContext {
  private config: Config = new Config();
  private failed: Counter | null = null;
  private k0: u64 = 0;
  private k1: u64 = 0;
  private hash: SipHash = new SipHash();
  private drawn: Draw = new Draw();

  onConfigure(text: Bytes): bool {
    const config = readConfig(text);
    if (config.problem.length > 0) {
      log(LogLevel.Error, "shunt.ratelimit: configuration refused: " + config.problem);
      return false;
    }
    if (!this.readKey()) {
      log(LogLevel.Error, "shunt.ratelimit: this host has no shared data");
      return false;
    }
    this.failed = new Counter("shunt_ratelimit.failed");
    for (let i = 0; i < config.rules.length; i++) {
      const rule = config.rules[i];
      const prefix = "shunt_ratelimit." + config.name + "." + rule.name;
      rule.admitted = new Counter(prefix + ".admitted");
      rule.limited = new Counter(prefix + ".limited");
    }
    this.config = config;
    return true;
  }

  createHttpContext(): HttpContext {
    return new LimitedStream(this);
  }


  /** Draws from each rule's bucket in turn; the first that is empty ends it. */
  decide(stream: LimitedStream): Action {
    const headers = requestHeaders.pairs();
    const rules = this.config.rules;
    const drawn = this.drawn;
    for (let i = 0; i < rules.length; i++) {
      const rule = unchecked(rules[i]);
      if (!rule.isFor(headers)) continue;
      this.hash.start(this.k0, this.k1);
      const own = rule.bucket(headers, this.hash, false);
      this.hash.start(this.k0, this.k1);
      const shared = rule.bucket(headers, this.hash, true);
      if (!draw(own, shared, rule.limit, drawn)) {
        count(this.failed);
        localReply(503, FAILED, EMPTY, null, GrpcStatus.Unavailable);
        stream.answered = true;
        return Action.Pause;
      }
      if (!drawn.admitted) {
        stream.answered = true;
        return refuse(rule, drawn);
      }
      count(rule.admitted);
      if (this.config.always) stream.note(rule, drawn);
    }
    return Action.Continue;
  }

  /** The same in every worker: the first to come makes it. */
  private readKey(): bool {
    let found = sharedGet(KEY);
    if (found === null) {
      const fresh = new ArrayBuffer(16);
      const seed = nowNs();
      store<u64>(changetype<usize>(fresh), scramble(seed));
      store<u64>(changetype<usize>(fresh), scramble(seed ^ 0x9e3779b97f4a7c15), 8);
      sharedCreate(KEY, fresh);
      found = sharedGet(KEY);
    }
    if (found === null || found.bytes.length != 16) return false;
    this.k0 = load<u64>(found.bytes.start);
    this.k1 = load<u64>(found.bytes.start, 8);
    return true;
  }
}

class LimitedStream extends HttpContext {
  /** The response is this filter's own. */
  answered: bool = false;
  private limit: u64 = 0;
  private remaining: u64 = u64.MAX_VALUE;
  private resetNs: u64 = 0;

  constructor(private root: RateLimitRoot) {
    super();
  }

  /** Keeps the rule with the fewest tokens left. */
  note(rule: Rule, drawn: Draw): void {
    if (drawn.remaining >= this.remaining) return;
    this.limit = rule.limit.burst;
    this.remaining = drawn.remaining;
    this.resetNs = drawn.missingNs;
  }

  onRequestHeaders(count: i32, endOfStream: bool): Action {
    return this.root.decide(this);
  }

  onResponseHeaders(count: i32, endOfStream: bool): Action {
    if (this.answered || this.limit == 0) return Action.Continue;
    responseHeaders.set(LIMIT, decimal(this.limit));
    responseHeaders.set(REMAINING, decimal(this.remaining));
    responseHeaders.set(RESET, decimal(seconds(this.resetNs)));
    return Action.Continue;
  }
}

function refuse(rule: Rule, drawn: Draw): Action {
  count(rule.limited);
  const headers = new PairList()
    .add(RETRY_AFTER, decimal(seconds(drawn.waitNs)))
    .add(LIMIT, decimal(rule.limit.burst))
    .add(REMAINING, decimal(drawn.remaining))
    .add(RESET, decimal(seconds(drawn.missingNs)));
  localReply(429, utf8("shunt_ratelimited[" + rule.name + "]"), BODY, headers, GrpcStatus.ResourceExhausted);
  return Action.Pause;
}

function count(counter: Counter | null): void {
  if (counter !== null) counter.increment();
}

function decimal(value: u64): ArrayBuffer {
  return String.UTF8.encode(value.toString());
}

/** Rounded up: who waits so long finds what was promised. */
function seconds(ns: u64): u64 {
  return (ns + SECOND_NS - 1) / SECOND_NS;
}

/** Splitmix64. */
function scramble(x: u64): u64 {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}
