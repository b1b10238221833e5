import { Bytes, Pairs, utf8 } from "proxy-wasm-sdk/assembly";
import { Asked } from "./asked";
import { anyText, claimAt, member, textIn } from "./claims";
import { matchesAny, Pattern } from "./pattern";
import { Lane, Source } from "./policy";

/** What a condition looks at. The reader of rules relies on this order. */
export enum Attribute {
  Principal,
  Namespace,
  SourceIp,
  RemoteIp,
  RequestPrincipal,
  Port,
  DestinationIp,
  Sni,
  Claim,
  Header,
  Host,
  Method,
  Path,
}

const ISSUER = utf8("iss");
const SUBJECT = utf8("sub");

/** One field of a rule: what it looks at is one of these values, or, negated, none of them. */
export class Condition {
  constructor(
    readonly attribute: Attribute,
    /** Of a claim: the path; of a header: its name. */
    readonly name: ArrayBuffer[],
    readonly patterns: Pattern[],
    readonly negated: bool,
  ) {}

  /** 1 or 0 where caller and destination alone tell whether it holds, else -1. */
  known(source: Source, lane: Lane): i32 {
    let value: ArrayBuffer | null = null;
    switch (this.attribute) {
      case Attribute.Principal:
        value = source.principal;
        break;
      case Attribute.Namespace:
        value = source.namespace;
        break;
      case Attribute.SourceIp:
        value = source.address;
        break;
      case Attribute.Port:
        value = lane.port;
        break;
      case Attribute.DestinationIp:
        value = lane.address;
        break;
    }
    if (value === null) return -1;
    return matchesAny(this.patterns, Bytes.of(value)) != this.negated ? 1 : 0;
  }

  holds(asked: Asked): bool {
    return this.found(asked) != this.negated;
  }

  private found(asked: Asked): bool {
    if (this.attribute == Attribute.Claim) {
      const claim = claimAt(asked.claims, this.name);
      return claim !== null && anyText(claim, this.patterns);
    }
    if (this.attribute == Attribute.RequestPrincipal) return this.foundPrincipal(asked);
    if (this.attribute == Attribute.Header) return this.foundHeader(asked.headers());
    const value = asked.value(this.attribute);
    return value !== null && matchesAny(this.patterns, value);
  }

  /** A header may be repeated: any of its values, as in Envoy. */
  private foundHeader(headers: Pairs): bool {
    headers.rewind();
    while (headers.next()) if (headers.nameIs(this.name[0]) && matchesAny(this.patterns, headers.value)) return true;
    return false;
  }

  private foundPrincipal(asked: Asked): bool {
    const claims = asked.claims;
    if (claims === null) return false;
    const issuer = textIn(member(claims, ISSUER));
    const subject = textIn(member(claims, SUBJECT));
    if (issuer === null || subject === null) return false;
    for (let i = 0; i < this.patterns.length; i++) {
      const pattern = this.patterns[i];
      if (pattern.matches(issuer) && changetype<Pattern>(pattern.subject).matches(subject)) return true;
    }
    return false;
  }
}

/** What is left to ask of a request once caller and destination are known. */
export class Rest {
  constructor(
    /** All must hold. */
    readonly all: Condition[],
    /** One of these must hold whole; empty: nothing is asked. */
    readonly any: Condition[][],
  ) {}

  holds(asked: Asked): bool {
    if (!allHold(this.all, asked)) return false;
    for (let i = 0; i < this.any.length; i++) if (allHold(unchecked(this.any[i]), asked)) return true;
    return this.any.length == 0;
  }
}

function allHold(conditions: Condition[], asked: Asked): bool {
  for (let i = 0; i < conditions.length; i++) if (!unchecked(conditions[i]).holds(asked)) return false;
  return true;
}
