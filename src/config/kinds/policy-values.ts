import { shown } from '../problems.ts';

/**
 * The strings of an AuthorizationPolicy. Istio accepts some that can never match anything, which in a DENY policy means
 * that nothing is denied; those are refused here, with what was probably meant.
 */
interface Mistake {
  readonly what: string;
  readonly expected: string;
}

const STARS = 'text, or text with one * at its start or end, or *';

export function checkPrincipal(value: string): Mistake | undefined {
  if (value.startsWith('spiffe://')) {
    return { what: `principal ${shown(value)} begins with spiffe://`, expected: `it without: ${value.slice(9)}` };
  }
  if (misplacedStar(value)) return { what: `principal ${shown(value)}`, expected: STARS };
  if (!/^[*A-Za-z0-9._/:-]+$/.test(value)) {
    return { what: `principal ${shown(value)}`, expected: 'TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT' };
  }
  return undefined;
}

export function checkNamespace(value: string): Mistake | undefined {
  if (misplacedStar(value)) return { what: `namespace ${shown(value)}`, expected: STARS };
  if (!/^[*a-z0-9-]+$/.test(value)) {
    return { what: `namespace ${shown(value)}`, expected: 'a DNS label (a-z, 0-9 and -), or one with a *' };
  }
  return undefined;
}

export function checkMethod(value: string): Mistake | undefined {
  if (misplacedStar(value)) return { what: `method ${shown(value)}`, expected: STARS };
  if (!/^[*A-Z0-9!#$%&'+.^_`|~-]+$/.test(value)) {
    return { what: `method ${shown(value)}`, expected: 'an HTTP method in capitals, such as GET' };
  }
  return undefined;
}

export function checkPort(value: string): Mistake | undefined {
  if (/^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65535) return undefined;
  return { what: `port ${shown(value)}`, expected: 'a number from 1 to 65535, as text' };
}

export function checkPath(value: string): Mistake | undefined {
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
