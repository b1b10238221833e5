import {
  Action,
  Bytes,
  Counter,
  GrpcStatus,
  HttpContext,
  localReply,
  log,
  LogLevel,
  property,
  propertyPath,
  requestHeaders,
  RootContext,
  utf8,
} from "proxy-wasm-sdk/assembly";
import { Config, readConfig } from "./config";
import { firstMatch } from "./decide";

/** Who calls: metadata of the listener, which lies in the caller's network namespace. Never a header. */
const SOURCE = propertyPath(["xds", "listener_metadata", "filter_metadata", "shunt", "source"]);
/** Where to: the cluster that the route chose for this request. */
const DESTINATION = propertyPath(["xds", "cluster_name"]);
const METHOD = utf8(":method");
const PATH = utf8(":path");
const BODY = utf8("RBAC: access denied");
const NO_POLICY = utf8("shunt_denied[none]");
const NO_SOURCE = utf8("shunt_denied[unknown-source]");
const NO_DESTINATION = utf8("shunt_denied[unknown-destination]");

/** One configuration. Before its first good text it denies everything. */
export class AuthzRoot extends RootContext {
  private config: Config = new Config();
  private allowed: Counter | null = null;
  private denied: Counter | null = null;

  onConfigure(text: Bytes): bool {
    const config = readConfig(text);
    if (config.problem.length > 0) {
      log(LogLevel.Error, "shunt.authz: configuration refused: " + config.problem);
      return false;
    }
    this.allowed = new Counter("shunt_authz.allowed");
    this.denied = new Counter("shunt_authz.denied");
    for (let i = 0; i < config.policies.length; i++) {
      const policy = config.policies[i];
      policy.decided = new Counter("shunt_authz.policy." + policy.name + (policy.isAllow ? ".allowed" : ".denied"));
    }
    this.config = config;
    return true;
  }

  createHttpContext(): HttpContext {
    return new AuthzRequest(this);
  }

  /** Decides one request; a host that lacks a property gives a denial. */
  decide(): Action {
    const config = this.config;
    const from = property(SOURCE);
    const source = from === null ? -1 : config.sources.find(from);
    if (source < 0) return this.deny(NO_SOURCE);
    const to = property(DESTINATION);
    const found = to === null ? -1 : config.destinations.find(to);
    if (found < 0) return this.deny(NO_DESTINATION);
    const destination = config.destinations.valueAt(found);
    const policy = firstMatch(
      config.sources.valueAt(source),
      destination,
      requestHeaders.first(METHOD),
      withoutQuery(requestHeaders.first(PATH)),
    );
    if (policy !== null) {
      const decided = policy.decided;
      if (decided !== null) decided.increment();
    }
    if (policy === null ? destination.hasAllow : !policy.isAllow) {
      return this.deny(policy === null ? NO_POLICY : policy.details);
    }
    const allowed = this.allowed;
    if (allowed !== null) allowed.increment();
    return Action.Continue;
  }

  private deny(details: ArrayBuffer): Action {
    const denied = this.denied;
    if (denied !== null) denied.increment();
    localReply(403, details, BODY, null, GrpcStatus.PermissionDenied);
    return Action.Pause;
  }
}

class AuthzRequest extends HttpContext {
  constructor(private root: AuthzRoot) {
    super();
  }

  onRequestHeaders(count: i32, endOfStream: bool): Action {
    return this.root.decide();
  }
}

/** The part of a path that policies see: up to the first `?` or `#`. */
function withoutQuery(path: Bytes | null): Bytes | null {
  if (path === null) return null;
  for (let i = 0; i < path.length; i++) {
    const c = path.byteAt(i);
    if (c == 0x3f || c == 0x23) return path.slice(0, i);
  }
  return path;
}
