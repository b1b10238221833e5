import { Counter } from "proxy-wasm-sdk/assembly";
import { Condition } from "./conditions";

/** Who calls: what the listener's name stands for, or a certificate. */
export class Source {
  constructor(
    readonly principal: ArrayBuffer,
    readonly namespace: ArrayBuffer,
    /** Bytes of the caller's address; null: it is that of the connection's peer. */
    readonly address: ArrayBuffer | null,
  ) {}
}

export enum LaneKind {
  Enforced = 0,
  /** Dry-run policies, as if they were all that there is. */
  Shadow = 1,
  /** One AUDIT policy: each that matches counts, not only the first. */
  Audit = 2,
}

/** Policies of a destination that are decided together, in order: all DENY, then all ALLOW; or one AUDIT. */
export class Lane {
  policies: Policy[] = [];
  hasAllow: bool = false;

  constructor(
    readonly kind: LaneKind,
    /** The destination's port, as text. */
    readonly port: ArrayBuffer,
    /** Bytes of the destination's address; null: it is what the connection was made to. */
    readonly address: ArrayBuffer | null,
  ) {}

  add(policy: Policy): void {
    const policies = this.policies;
    if (policy.action == Action.Allow) {
      this.hasAllow = true;
      policies.push(policy);
      return;
    }
    policies.push(policy);
    let at = policies.length - 1;
    for (; at > 0 && policies[at - 1].action == Action.Allow; at--) policies[at] = policies[at - 1];
    policies[at] = policy;
  }
}

/** A cluster of the route: where its lanes are, the enforced one first. */
export class Destination {
  constructor(readonly first: i32, readonly end: i32) {}
}

/** In the order of the reader's words. */
export enum Action {
  Allow = 0,
  Deny = 1,
  Audit = 2,
}

export class Policy {
  rules: Rule[] = [];
  /** Requests that this policy decided, or would have; set when the configuration is put in force. */
  decided: Counter | null = null;

  constructor(readonly name: string, readonly action: Action, readonly dryRun: bool) {}
}

/** Each list holds alternatives, of which each is a list of conditions that must all hold. Empty: not asked for. */
export class Rule {
  from: Condition[][] = [];
  to: Condition[][] = [];
  when: Condition[] = [];
}
