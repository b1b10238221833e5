import {
  allocate,
  Bytes,
  Pairs,
  property,
  propertyPath,
  requestHeaders,
  utf8,
  withoutQuery,
} from "proxy-wasm-sdk/assembly";
import { parseEndpoint } from "./address";
import { readClaims } from "./claims";
import { Attribute } from "./conditions";
import { MethodNames } from "./methods";
import { Source } from "./policy";

const METHOD = utf8(":method");
const PATH = utf8(":path");
export const AUTHORITY = utf8(":authority");
/** The peer of the connection. The host has no such property: the network filter set_filter_state puts it there. */
const PEER_ADDRESS = propertyPath(["filter_state", "shunt.source_ip"]);
/** Whom the proxy believes the request to come from: the peer, or what x-forwarded-for says where it is trusted. */
const REMOTE_ADDRESS = propertyPath(["source", "address"]);
const LOCAL_ADDRESS = propertyPath(["destination", "address"]);
const SERVER_NAME = propertyPath(["connection", "requested_server_name"]);

/** What rules may look at, each asked for at most once: bits of `Asked.need`. */
export const NEEDS_METHOD = 1;
export const NEEDS_PATH = 2;
const HAS_CLAIMS = 4;

/** A request, in memory of its callback. What rules do not look at is not fetched from the host. */
@unmanaged
export class Asked {
  private source: Source = changetype<Source>(0);
  private names: MethodNames = changetype<MethodNames>(0);
  private pairs: Pairs | null = null;
  private has: i32 = 0;
  private token: Bytes | null = null;
  method: Bytes | null = null;
  methodBit: u64 = 0;
  /** Without query; null where there is none. */
  path: Bytes | null = null;
  /** A rule asked for the address of the peer, and the host does not tell it. */
  lacksPeer: bool = false;

  /** `source` and `names` must outlive the callback. */
  static by(source: Source, names: MethodNames): Asked {
    const asked = changetype<Asked>(allocate(offsetof<Asked>()));
    memory.fill(changetype<usize>(asked), 0, offsetof<Asked>());
    asked.source = source;
    asked.names = names;
    return asked;
  }

  /** Fetches method and path where these bits say so. Both in one call cost what one does. */
  need(bits: i32): void {
    const missing = bits & ~this.has;
    this.has |= missing;
    if (missing == (NEEDS_METHOD | NEEDS_PATH)) this.headers();
    if (missing & NEEDS_METHOD) this.method = this.header(METHOD);
    if (missing & NEEDS_PATH) this.path = withoutQuery(this.header(PATH));
    // each time: a program that was made since may have given the method its bit
    const method = this.method;
    if (bits & NEEDS_METHOD && method !== null) this.methodBit = this.names.bitOf(method);
  }

  get claims(): Bytes | null {
    if (!(this.has & HAS_CLAIMS)) {
      this.has |= HAS_CLAIMS;
      this.token = readClaims();
    }
    return this.token;
  }

  /** Text, or the bytes of an address. null where the request has none. */
  value(attribute: Attribute): Bytes | null {
    switch (attribute) {
      case Attribute.Method:
        this.need(NEEDS_METHOD);
        return this.method;
      case Attribute.Path:
        this.need(NEEDS_PATH);
        return this.path;
      case Attribute.Host: return lowerCase(this.headers().find(AUTHORITY));
      case Attribute.Sni: return property(SERVER_NAME);
      case Attribute.DestinationIp: return endpoint(property(LOCAL_ADDRESS));
      case Attribute.SourceIp: return this.peer();
      default: return this.remote();
    }
  }

  private header(name: ArrayBuffer): Bytes | null {
    const pairs = this.pairs;
    return pairs === null ? requestHeaders.first(name) : pairs.find(name);
  }

  headers(): Pairs {
    const known = this.pairs;
    if (known !== null) return known;
    const pairs = requestHeaders.pairs();
    this.pairs = pairs;
    return pairs;
  }

  private peer(): Bytes | null {
    const address = endpoint(property(PEER_ADDRESS));
    if (address === null) this.lacksPeer = true;
    return address;
  }

  /** A captured connection comes over loopback: then its workload's address says more. */
  private remote(): Bytes | null {
    const address = endpoint(property(REMOTE_ADDRESS));
    const own = this.source.address;
    return own !== null && address !== null && address.length == 4 && address.byteAt(0) == 127 ? Bytes.of(own) : address;
  }
}

function endpoint(text: Bytes | null): Bytes | null {
  return text === null ? null : parseEndpoint(text);
}

function lowerCase(text: Bytes | null): Bytes | null {
  return text === null ? null : lowered(text, allocate(text.length));
}

/** ASCII only, as Envoy compares. `out` has room for it. */
export function lowered(text: Bytes, out: usize): Bytes {
  for (let i = 0; i < text.length; i++) {
    const c = text.byteAt(i);
    store<u8>(out + i, c >= 0x41 && c <= 0x5a ? c | 0x20 : c);
  }
  return Bytes.at(out, text.length);
}
