import {
  Action as Verdict,
  Bytes,
  BytesMap,
  Counter,
  GrpcStatus,
  localReply,
  log,
  LogLevel,
  property,
  propertyPath,
  RootContext,
  utf8,
} from "proxy-wasm-sdk/assembly";
import { Asked, NEEDS_METHOD, NEEDS_PATH } from "./asked";
import { Config, readConfig } from "./config";
import { MethodNames } from "./methods";
import { LONGEST_ID, MOST_PEERS, peerOf } from "./peers";
import { Action, Lane, LaneKind, Policy, Source } from "./policy";
import { NO_RANK } from "./program";
import { Programs } from "./programs";

/** Who calls: metadata of the listener, which lies in the caller's network namespace, or a certificate. Never a header. */
const SOURCE = propertyPath(["xds", "listener_metadata", "filter_metadata", "shunt", "source"]);
/** The first URI of the client's certificate; absent without mTLS. Envoy has verified it, where it is told whom to trust. */
const PEER = propertyPath(["connection", "uri_san_peer_certificate"]);
/** Where to: the cluster that the route chose for this request. */
const DESTINATION = propertyPath(["xds", "cluster_name"]);
const BODY = utf8("RBAC: access denied");

/** Bytes of a path that a line of the log shows. */
const SHOWN_PATH = 256;

/** One configuration. Before its first good text it denies everything. */
export class AuthzRoot extends RootContext {
  private config: Config = new Config();
  private methods: MethodNames = new MethodNames();
  private programs: Programs = new Programs(0, 0);
  private allowed: Counter | null = null;
  private denied: Counter | null = null;
  private shadowAllowed: Counter | null = null;
  private shadowDenied: Counter | null = null;

  onConfigure(text: Bytes): bool {
    const config = readConfig(text);
    if (config.problem.length > 0) {
      log(LogLevel.Error, "shunt.authz: configuration refused: " + config.problem);
      return false;
    }
    this.allowed = new Counter("shunt_authz.allowed");
    this.denied = new Counter("shunt_authz.denied");
    this.shadowAllowed = new Counter("shunt_authz.shadow_allowed");
    this.shadowDenied = new Counter("shunt_authz.shadow_denied");
    for (let i = 0; i < config.policies.length; i++) {
      const policy = config.policies[i];
      const outcome = policy.action == Action.Audit ? "audited" : policy.action == Action.Allow ? "allowed" : "denied";
      policy.decided = new Counter("shunt_authz.policy." + policy.name + (policy.dryRun ? ".shadow_" : ".") + outcome);
    }
    this.config = config;
    this.methods = new MethodNames();
    this.programs = new Programs(config.mtls ? MOST_PEERS : config.sources.size, config.lanes.length);
    return true;
  }

  /** Decides; a host that lacks a property gives a denial. */
  onRequest(size: i32, endOfStream: bool): Verdict {
    const config = this.config;
    const from = config.mtls ? this.peer() : this.workload();
    if (from < 0) return this.deny("unknown-source");
    const to = property(DESTINATION);
    const found = to === null ? -1 : config.destinations.find(to);
    if (found < 0) return this.deny("unknown-destination");
    const destination = config.destinations.valueAt(found);
    const source = config.sources.valueAt(from);
    const asked = Asked.by(source, this.methods);
    const first = destination.first;
    const policy = this.decider(from, source, first, asked);
    const lacksPeer = asked.lacksPeer;
    for (let i = first + 1; i < destination.end; i++) this.observe(config.lanes[i], this.decider(from, source, i, asked), asked);
    if (lacksPeer) return this.deny("unknown-address");
    count(policy === null ? null : policy.decided);
    if (policy === null ? config.lanes[first].hasAllow : policy.action == Action.Deny) {
      return this.deny(policy === null ? "none" : policy.name);
    }
    count(this.allowed);
    return Verdict.Continue;
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
      this.programs = new Programs(MOST_PEERS, config.lanes.length);
    }
    config.sources.set(uri.copy(), peerOf(uri));
    return config.sources.size - 1;
  }

  /** The policy of a lane that decides; null where none matches. */
  private decider(from: i32, source: Source, lane: i32, asked: Asked): Policy | null {
    const policies = this.config.lanes[lane];
    const rank = this.programs.of(from, source, lane, policies, this.methods).run(asked);
    return rank == NO_RANK ? null : policies.policies[rank];
  }

  /** What does not decide is counted, and a line written for an audit. */
  private observe(lane: Lane, policy: Policy | null, asked: Asked): void {
    count(policy === null ? null : policy.decided);
    if (lane.kind == LaneKind.Shadow) {
      const denied = policy === null ? lane.hasAllow : policy.action == Action.Deny;
      count(denied ? this.shadowDenied : this.shadowAllowed);
    } else if (policy !== null) {
      asked.need(NEEDS_METHOD | NEEDS_PATH);
      const path = asked.path;
      const shown = path === null ? "" : path.slice(0, SHOWN_PATH).toString();
      const method = asked.method;
      log(LogLevel.Info, "shunt.authz: audit " + policy.name + ": " + (method === null ? "" : method.toString()) + " " + shown);
    }
  }

  /** `why`: for %RESPONSE_CODE_DETAILS%. */
  private deny(why: string): Verdict {
    count(this.denied);
    localReply(403, String.UTF8.encode("shunt_denied[" + why + "]"), BODY, null, GrpcStatus.PermissionDenied);
    return Verdict.Pause;
  }
}

function count(counter: Counter | null): void {
  if (counter !== null) counter.increment();
}
