import { Bytes, JsonValue, utf8 } from "proxy-wasm-sdk/assembly";
import { parseAddress, wholeNumber } from "./address";
import { AUTHORITY, lowered } from "./asked";
import { Attribute, Condition } from "./conditions";
import { Pattern, PatternKind } from "./pattern";
import { Rule } from "./policy";
import { Template } from "./template";

/** Fields of `from`: the first attributes, in their order. */
const FROM = "principals, namespaces, ipBlocks, remoteIpBlocks, requestPrincipals";
/** Fields of `to`: attributes from `Host` on, then the port. */
const TO = "hosts, methods, paths, ports";
/** Keys of `when`: the first attributes, in their order, and two claims. */
const WHEN =
  "source.principal, source.namespace, source.ip, remote.ip, request.auth.principal, destination.port, destination.ip, " +
  "connection.sni, request.auth.audiences, request.auth.presenter";
const AUDIENCES = 8;
const NO_NAME: ArrayBuffer[] = [];
const NOTHING = new ArrayBuffer(0);

export function readRule(value: JsonValue): Rule {
  const rule = new Rule();
  only(value, "from, to, when");
  const from = value.get("from");
  if (from !== null) rule.from = readAlternatives(from, FROM, 0);
  const to = value.get("to");
  if (to !== null) rule.to = readAlternatives(to, TO, Attribute.Host);
  const when = value.get("when");
  if (when !== null) {
    const items = filled(when);
    for (let i = 0; i < items.length; i++) readWhen(items[i], rule.when);
  }
  return rule;
}

/** `names`: of attributes from `first` on. */
function readAlternatives(value: JsonValue, names: string, first: i32): Condition[][] {
  const result: Condition[][] = [];
  const items = filled(value);
  for (let i = 0; i < items.length; i++) {
    const conditions: Condition[] = [];
    const fields = items[i].entries();
    if (fields.length == 0) items[i].fail("expected at least one of " + names + ", or one of them with not");
    for (let k = 0; k < fields.length; k++) {
      let name = String.UTF8.decode(fields[k].key);
      const negated = name.startsWith("not") && name.length > 3 && (name.charCodeAt(3) & 0x20) == 0;
      if (negated) name = String.fromCharCode(name.charCodeAt(3) | 0x20) + name.substring(4);
      const index = wordIn(names, name);
      if (index < 0) fields[k].value.fail("unknown key; expected " + names + ", or one of them with not");
      const attribute = first + index > Attribute.Path ? Attribute.Port : first + index;
      conditions.push(readCondition(attribute, NO_NAME, fields[k].value, negated));
    }
    result.push(conditions);
  }
  return result;
}

/** Whether a value is an object with no keys but these. */
export function only(value: JsonValue, keys: string): bool {
  const entries = value.entries();
  for (let i = 0; i < entries.length; i++) {
    if (wordIn(keys, String.UTF8.decode(entries[i].key)) < 0) entries[i].value.fail("unknown key; expected " + keys);
  }
  return value.document.ok;
}

/** Place of a string among the words; -1 where it is none of them. */
export function choice(value: JsonValue, words: string): i32 {
  const index = wordIn(words, value.string());
  if (index < 0) value.fail("expected one of " + words);
  return index;
}

/** Place of a word in a list with commas; -1 where it is not there. */
function wordIn(list: string, word: string): i32 {
  let index = 0;
  let start = 0;
  for (let i = 0; i <= list.length; i++) {
    if (i < list.length && list.charCodeAt(i) != 0x2c) continue;
    if (list.substring(start, i) == word) return index;
    index++;
    start = i + 2;
  }
  return -1;
}

function readWhen(value: JsonValue, conditions: Condition[]): void {
  only(value, "key, values, notValues");
  const key = value.need("key");
  const text = key.bytes();
  const bytes = Bytes.of(text);
  let name = NO_NAME;
  let attribute = wordIn(WHEN, String.UTF8.decode(text));
  if (attribute >= AUDIENCES) {
    name = [attribute == AUDIENCES ? utf8("aud") : utf8("azp")];
    attribute = Attribute.Claim;
  } else if (attribute < 0) {
    const claim = utf8("request.auth.claims[");
    const header = utf8("request.headers[");
    if (bytes.startsWith(claim)) {
      attribute = Attribute.Claim;
      name = namesFrom(text, claim.byteLength);
    } else if (bytes.startsWith(header)) {
      attribute = Attribute.Header;
      name = namesFrom(text, header.byteLength);
      if (name.length == 1) name[0] = headerName(name[0]);
    }
    if (name.length == 0 || (attribute == Attribute.Header && name.length > 1)) {
      key.fail("unknown key; expected " + WHEN + ", request.headers[NAME] or request.auth.claims[NAME][NAME]");
    }
  }
  const values = value.get("values");
  const others = value.get("notValues");
  if (values === null && others === null) value.fail("expected values or notValues");
  if (values !== null) conditions.push(readCondition(attribute, name, values, false));
  if (others !== null) conditions.push(readCondition(attribute, name, others, true));
}

/** `a` and `b` of `…a][b]`; empty where it is not of this form. */
function namesFrom(text: ArrayBuffer, at: i32): ArrayBuffer[] {
  const names: ArrayBuffer[] = [];
  const bytes = Bytes.of(text);
  while (true) {
    const end = bytes.indexOf(0x5d, at);
    if (end <= at || bytes.slice(at, end).indexOf(0x5b) >= 0) return [];
    names.push(text.slice(at, end));
    if (end == bytes.length - 1) return names;
    if (bytes.byteAt(end + 1) != 0x5b) return [];
    at = end + 2;
  }
}

/** In lower case; Envoy has `host` of HTTP/1 as `:authority`. */
function headerName(name: ArrayBuffer): ArrayBuffer {
  const bytes = Bytes.of(name);
  return lowered(bytes, bytes.start).equals(utf8("host")) ? AUTHORITY : name;
}

function readCondition(attribute: Attribute, name: ArrayBuffer[], value: JsonValue, negated: bool): Condition {
  const patterns: Pattern[] = [];
  const items = filled(value);
  for (let i = 0; i < items.length; i++) patterns.push(readPattern(attribute, items[i]));
  return new Condition(attribute, name, patterns, negated);
}

function readPattern(attribute: Attribute, value: JsonValue): Pattern {
  const text = notEmpty(value);
  const bytes = Bytes.of(text);
  switch (attribute) {
    case Attribute.SourceIp:
    case Attribute.RemoteIp:
    case Attribute.DestinationIp: return readBlock(bytes, value);
    case Attribute.Port:
      if (wholeNumber(bytes, 65535) < 1) value.fail('expected a port as a string, "1" to "65535"');
      return new Pattern(PatternKind.Exact, text);
    case Attribute.Path:
      if (bytes.indexOf(0x7b) < 0 && bytes.indexOf(0x7d) < 0) return Pattern.of(text);
      const template = new Template(text);
      if (template.problem.length > 0) value.fail(template.problem);
      const pattern = new Pattern(PatternKind.Template, template.prefix);
      pattern.template = template;
      return pattern;
    case Attribute.RequestPrincipal: return readIssuerAndSubject(text, bytes);
    case Attribute.Host:
      lowered(bytes, bytes.start);
      break;
  }
  const pattern = Pattern.of(text);
  // of a header, * is presence, and a header may be there and empty
  const header = attribute == Attribute.Host || attribute == Attribute.Header;
  return header && pattern.kind == PatternKind.Present ? new Pattern(PatternKind.Prefix, NOTHING) : pattern;
}

/** `ISSUER/SUBJECT`, with a star at the start of the issuer or at the end of the subject; as Istio takes it apart. */
function readIssuerAndSubject(text: ArrayBuffer, bytes: Bytes): Pattern {
  let slash = bytes.length - 1;
  while (slash >= 0 && bytes.byteAt(slash) != 0x2f) slash--;
  const whole = Pattern.of(text);
  const any = new Pattern(PatternKind.Present, NOTHING);
  let issuer: Pattern;
  let subject: Pattern;
  if (slash >= 0) {
    const left = text.slice(0, slash);
    const right = text.slice(slash + 1);
    issuer = whole.kind == PatternKind.Suffix ? Pattern.of(left) : new Pattern(PatternKind.Exact, left);
    subject = whole.kind == PatternKind.Prefix ? Pattern.of(right) : new Pattern(PatternKind.Exact, right);
  } else {
    const suffix = whole.kind == PatternKind.Suffix;
    issuer = suffix ? any : whole;
    subject = suffix ? whole : whole.kind == PatternKind.Exact ? new Pattern(PatternKind.Exact, NOTHING) : any;
  }
  issuer.subject = subject;
  return issuer;
}

/** An address, or a network; bits of the address beyond the network's do not count. */
function readBlock(text: Bytes, value: JsonValue): Pattern {
  const slash = text.indexOf(0x2f);
  const address = parseAddress(text.slice(0, slash < 0 ? text.length : slash));
  if (address !== null) {
    const most = address.length * 8;
    const size = text.slice(slash + 1);
    const bits = slash < 0 ? most : wholeNumber(size, most);
    if (bits >= 0) {
      const block = new Pattern(PatternKind.Block, address.copy());
      block.bits = bits;
      return block;
    }
  }
  value.fail("expected an IP address or a network, such as 10.0.0.0/8");
  return new Pattern(PatternKind.Present, NOTHING);
}

/** An empty list could mean anything and nothing: refused. */
function filled(value: JsonValue): JsonValue[] {
  const items = value.items();
  if (items.length == 0) value.fail("empty list; leave it out to match anything");
  return items;
}

export function notEmpty(value: JsonValue): ArrayBuffer {
  const bytes = value.bytes();
  if (bytes.byteLength == 0) value.fail("expected text that is not empty");
  return bytes;
}
