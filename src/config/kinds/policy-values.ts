import { isIPv4, isIPv6 } from 'node:net';
import { shown } from '../problems.ts';

/**
 * The strings of an AuthorizationPolicy. Istio accepts some that can never match anything, which in a DENY policy means
 * that nothing is denied; those are refused here, with what was probably meant.
 */
export interface Mistake {
  readonly what: string;
  readonly expected: string;
}

/** undefined: the value is well. */
export type Check = (value: string) => Mistake | undefined;

/** Keys of conditions, as they are written. */
export const CONDITION_KEYS = [
  ...['source.principal', 'source.namespace', 'source.ip', 'remote.ip', 'destination.ip', 'destination.port'],
  ...['connection.sni', 'request.headers[NAME]', 'request.auth.principal', 'request.auth.audiences'],
  ...['request.auth.presenter', 'request.auth.claims[NAME]', 'request.auth.claims[NAME][NAME]'],
];
export const CONDITION_KEY =
  'one of source.principal, source.namespace, source.ip, remote.ip, destination.ip, destination.port, connection.sni, ' +
  'request.headers[NAME], request.auth.principal, .audiences, .presenter or .claims[NAME]';

const STARS = 'text, or text with one * at its start or end, or *';

function checkPrincipal(value: string): Mistake | undefined {
  if (value.startsWith('spiffe://')) {
    return { what: `principal ${shown(value)} begins with spiffe://`, expected: `it without: ${value.slice(9)}` };
  }
  if (misplacedStar(value)) return { what: `principal ${shown(value)}`, expected: STARS };
  if (!/^[*A-Za-z0-9._/:-]+$/.test(value)) {
    return { what: `principal ${shown(value)}`, expected: 'TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT' };
  }
  return undefined;
}

function checkNamespace(value: string): Mistake | undefined {
  if (misplacedStar(value)) return { what: `namespace ${shown(value)}`, expected: STARS };
  if (!/^[*a-z0-9-]+$/.test(value)) {
    return { what: `namespace ${shown(value)}`, expected: 'a DNS label (a-z, 0-9 and -), or one with a *' };
  }
  return undefined;
}

function checkMethod(value: string): Mistake | undefined {
  if (misplacedStar(value)) return { what: `method ${shown(value)}`, expected: STARS };
  if (!/^[*A-Z0-9!#$%&'+.^_`|~-]+$/.test(value)) {
    return { what: `method ${shown(value)}`, expected: 'an HTTP method in capitals, such as GET' };
  }
  return undefined;
}

function checkPort(value: string): Mistake | undefined {
  if (/^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65535) return undefined;
  return { what: `port ${shown(value)}`, expected: 'a number from 1 to 65535, as text' };
}

function checkPath(value: string): Mistake | undefined {
  const what = `path ${shown(value)}`;
  if (/[?#]/.test(value)) return { what, expected: 'a path without query and fragment, which are not matched' };
  if (/[{}]/.test(value)) return checkTemplate(value, what);
  if (misplacedStar(value)) return { what, expected: `${STARS}; {*} for a segment` };
  if (!/^[/*]/.test(value)) return { what, expected: 'a path that begins with / (or *)' };
  return undefined;
}

/** Istio's and Envoy's rules: whole segments, `{**}` the last operator, no empty segment before the last. */
function checkTemplate(value: string, what: string): Mistake | undefined {
  if (!value.startsWith('/')) return { what, expected: 'a template that begins with /' };
  const segments = value.slice(1).split('/');
  if (segments.at(-1) === '') segments.pop();
  let textSeen = false;
  for (const segment of segments) {
    const operator = segment === '{*}' || segment === '{**}';
    if (operator && textSeen) return { what, expected: '{**} as the last of the operators' };
    textSeen ||= segment === '{**}';
    if (!operator && !/^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/.test(segment)) {
      return { what, expected: 'segments that are {*}, {**} or plain text' };
    }
  }
  return undefined;
}

function misplacedStar(value: string): boolean {
  const at = value.indexOf('*', 1);
  return (at !== -1 && at !== value.length - 1) || (value.length > 1 && value.startsWith('*') && value.endsWith('*'));
}

function checkBlock(value: string): Mistake | undefined {
  const [, address = '', bits] = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(value) ?? [];
  const most = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : -1;
  if (Number(bits ?? 0) <= most) return undefined;
  return { what: `network ${shown(value)}`, expected: 'an IPv4 or IPv6 address or network, such as 10.0.0.0/8' };
}

function checkHost(value: string): Mistake | undefined {
  if (misplacedStar(value)) return { what: `host ${shown(value)}`, expected: STARS };
  if (/^[*A-Za-z0-9._:[\]-]+$/.test(value)) return undefined;
  return {
    what: `host ${shown(value)}`,
    expected: 'a host as it is sent, such as example.com, example.com:* or *.example.com',
  };
}

function checkRequestPrincipal(value: string): Mistake | undefined {
  if (!misplacedStar(value) && /[*/]/.test(value)) return undefined;
  return {
    what: `request principal ${shown(value)}`,
    expected: 'ISSUER/SUBJECT, with one * at its start or end, or *',
  };
}

/** By field of a source or operation, without its `not`. */
export const FIELD_CHECKS: Readonly<Record<string, Check>> = {
  principals: checkPrincipal,
  namespaces: checkNamespace,
  ipBlocks: checkBlock,
  remoteIpBlocks: checkBlock,
  requestPrincipals: checkRequestPrincipal,
  hosts: checkHost,
  methods: checkMethod,
  paths: checkPath,
  ports: checkPort,
};

/** By key of a condition; of headers, claims and names of servers any text is well. */
export const KEY_CHECKS: Readonly<Record<string, Check>> = {
  'source.principal': checkPrincipal,
  'source.namespace': checkNamespace,
  'source.ip': checkBlock,
  'remote.ip': checkBlock,
  'destination.ip': checkBlock,
  'destination.port': checkPort,
  'request.auth.principal': checkRequestPrincipal,
};

export function checkKey(key: string): Mistake | undefined {
  if (CONDITION_KEYS.includes(key) && !key.includes('[')) return undefined;
  if (/^request\.headers\[:?[!#$%&'*+.^_`|~0-9A-Za-z-]+\]$/.test(key)) return undefined;
  if (/^request\.auth\.claims(\[[^[\]]+\])+$/.test(key)) return undefined;
  return { what: `the key ${shown(key)} of a condition`, expected: CONDITION_KEY };
}
