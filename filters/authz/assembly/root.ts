import {
  Action,
  Bytes,
  BytesMap,
  Counter,
  GrpcStatus,
  localReply,
  log,
  LogLevel,
  property,
  propertyPath,
  requestHeaders,
  RootContext,
  utf8,
} from "proxy-wasm-sdk/assembly";
import { Asked } from "./checks";
import { Config, readConfig } from "./config";
import { MethodNames } from "./methods";
import { LONGEST_ID, MOST_PEERS, peerOf } from "./peers";
import { Source } from "./policy";
import { NO_RANK } from "./program";
import { Programs } from "./programs";

/** Who calls: metadata of the listener, which lies in the caller's network namespace, or a certificate. Never a header. */
const SOURCE = propertyPath(["xds", "listener_metadata", "filter_metadata", "shunt", "source"]);
/** The first URI of the client's certificate; absent without mTLS. Envoy has verified it, where it is told whom to trust. */
const PEER = propertyPath(["connection", "uri_san_peer_certificate"]);
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
  private methods: MethodNames = new MethodNames();
  private programs: Programs = new Programs(0, 0);
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
    this.methods = new MethodNames();
    this.programs = new Programs(config.mtls ? MOST_PEERS : config.sources.size, config.destinations.size);
    return true;
  }

  /** Decides; a host that lacks a property gives a denial. */
  onRequest(size: i32, endOfStream: bool): Action {
    const config = this.config;
    const source = config.mtls ? this.peer() : this.workload();
    if (source < 0) return this.deny(NO_SOURCE);
    const to = property(DESTINATION);
    const found = to === null ? -1 : config.destinations.find(to);
    if (found < 0) return this.deny(NO_DESTINATION);
    const destination = config.destinations.valueAt(found);
    const rank = this.rank(source, found);
    if (rank == NO_RANK) return destination.hasAllow ? this.deny(NO_POLICY) : this.allow();
    const policy = destination.policies[rank];
    count(policy.decided);
    return policy.isAllow ? this.allow() : this.deny(policy.details);
  }

  /** Who calls, by the listener; -1 for one that the configuration does not know. */
  private workload(): i32 {
    const from = property(SOURCE);
    return from === null ? -1 : this.config.sources.find(from);
  }

  /** Who calls, by certificate; -1 for an identity that nobody may have. */
  private peer(): i32 {
    const found = property(PEER);
    const uri = found === null ? Bytes.at(0, 0) : found;
    if (uri.length > LONGEST_ID) return -1;
    const config = this.config;
    const known = config.sources.find(uri);
    if (known >= 0) return known;
    if (config.sources.size == MOST_PEERS) {
      config.sources = new BytesMap<Source>();
      this.programs = new Programs(MOST_PEERS, config.destinations.size);
    }
    config.sources.set(uri.copy(), peerOf(uri));
    return config.sources.size - 1;
  }

  /** Place of the policy that decides among the destination's; asks the host for no more than the rules need. */
  private rank(source: i32, destination: i32): i32 {
    let program = this.programs.find(source, destination);
    if (program === null) {
      const from = this.config.sources.valueAt(source);
      const to = this.config.destinations.valueAt(destination);
      program = this.programs.make(source, from, destination, to, this.methods);
    }
    const asked = Asked.empty();
    if (program.asksMethod && program.asksPath) {
      // one call for all headers costs what one for a single header does
      const pairs = requestHeaders.pairs();
      asked.setMethod(pairs.find(METHOD), this.methods);
      asked.path = withoutQuery(pairs.find(PATH));
    } else if (program.asksMethod) asked.setMethod(requestHeaders.first(METHOD), this.methods);
    else if (program.asksPath) asked.path = withoutQuery(requestHeaders.first(PATH));
    return program.run(asked);
  }

  private allow(): Action {
    count(this.allowed);
    return Action.Continue;
  }

  private deny(details: ArrayBuffer): Action {
    count(this.denied);
    localReply(403, details, BODY, null, GrpcStatus.PermissionDenied);
    return Action.Pause;
  }
}

function count(counter: Counter | null): void {
  if (counter !== null) counter.increment();
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
