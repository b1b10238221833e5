import { Bytes, Counter } from "proxy-wasm-sdk/assembly";
import { matchesAny, Pattern } from "./pattern";
import { Template } from "./template";

/** Who calls: what the listener's name stands for. */
export class Source {
  constructor(readonly principal: ArrayBuffer, readonly namespace: ArrayBuffer) {}
}

/** A cluster of the route, and the policies that guard it in order: all DENY, then all ALLOW. */
export class Destination {
  policies: Policy[] = [];
  hasAllow: bool = false;
  /** Of all its policies. */
  ruleCount: i32 = 0;
  constructor(readonly port: i32) {}
}

export class Policy {
  rules: Rule[] = [];
  /** Requests that this policy decided; set when the configuration is put in force. */
  decided: Counter | null = null;
  /** `shunt_denied[NAME]`. */
  readonly details: ArrayBuffer;

  constructor(readonly name: string, readonly isAllow: bool) {
    this.details = String.UTF8.encode("shunt_denied[" + name + "]");
  }
}

/** null: not asked for. */
export class Rule {
  from: From[] | null = null;
  to: To[] | null = null;

  comesFrom(source: Source): bool {
    const from = this.from;
    if (from === null) return true;
    for (let i = 0; i < from.length; i++) if (from[i].matches(source)) return true;
    return false;
  }
}

export class From {
  principals: Pattern[] | null = null;
  namespaces: Pattern[] | null = null;

  matches(source: Source): bool {
    return matchesAny(this.principals, Bytes.of(source.principal)) && matchesAny(this.namespaces, Bytes.of(source.namespace));
  }
}

export class To {
  methods: Pattern[] | null = null;
  paths: Paths | null = null;
  ports: i32[] | null = null;

  matchesPort(port: i32): bool {
    const ports = this.ports;
    return ports === null || ports.includes(port);
  }
}

/** Any of the patterns or templates. */
export class Paths {
  patterns: Pattern[] = [];
  templates: Template[] = [];
}
