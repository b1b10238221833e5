import { Bytes, utf8 } from "proxy-wasm-sdk/assembly";
import { Source } from "./policy";

/** Callers that are kept at a time; beyond it all are forgotten and read again from their certificates. */
export const MOST_PEERS: i32 = 1024;

/** Bytes of a SPIFFE ID, by its standard. */
export const LONGEST_ID: i32 = 2048;

const SCHEME = utf8("spiffe://");
const NAMESPACE = utf8("ns/");
const NOBODY = new ArrayBuffer(0);

/**
 * Who the certificate with this URI belongs to. No certificate and a URI that is no SPIFFE ID are nobody: no principal and
 * no namespace match, as in Istio. The namespace is that of TRUSTDOMAIN/ns/NAMESPACE/…, whatever the trust domain.
 */
export function peerOf(uri: Bytes): Source {
  if (!uri.startsWith(SCHEME)) return new Source(NOBODY, NOBODY, null);
  const principal = uri.slice(SCHEME.byteLength);
  const path = principal.slice(principal.indexOf(0x2f) + 1);
  let namespace = NOBODY;
  if (path.length < principal.length && path.startsWith(NAMESPACE)) {
    const name = path.slice(NAMESPACE.byteLength);
    const end = name.indexOf(0x2f);
    if (end > 0) namespace = name.slice(0, end).copy();
  }
  return new Source(principal.copy(), namespace, null);
}
