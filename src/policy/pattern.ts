/** The patterns of an AuthorizationPolicy as regular expressions that match a whole text. Pure. */

/** Characters that a wildcard of a template takes: pchar of RFC 3986, as in Envoy's URI templates. */
const PATH_CHARACTER = "[-a-zA-Z0-9._~%!$&'()*+,;:=@]";

/** `*`: any text that is not empty. `*x`: ends with x. `x*`: begins with x. All else: equal. */
export function textRegExp(pattern: string): RegExp {
  if (pattern === '*') return /^.+$/s;
  if (pattern.startsWith('*')) return new RegExp(`^.*${escaped(pattern.slice(1))}$`, 's');
  if (pattern.endsWith('*')) return new RegExp(`^${escaped(pattern.slice(0, -1))}.*$`, 's');
  return new RegExp(`^${escaped(pattern)}$`, 's');
}

/** As {@link textRegExp}, in any case; `*` takes also an empty host. */
export function hostRegExp(pattern: string): RegExp {
  return pattern === '*' ? /^/ : new RegExp(textRegExp(pattern), 'is');
}

/**
 * As {@link textRegExp}, and templates: `{*}` is one segment that is not empty, `{**}` any number of characters and
 * slashes, also none. So `/a/{**}` matches `/a/` and not `/a`.
 */
export function pathRegExp(pattern: string): RegExp {
  if (!/\{\*\*?\}/.test(pattern)) return textRegExp(pattern);
  const segments = pattern.split('/').map((segment) => {
    if (segment === '{*}') return `${PATH_CHARACTER}+`;
    if (segment === '{**}') return `(?:${PATH_CHARACTER}|/)*`;
    return escaped(segment);
  });
  return new RegExp(`^${segments.join('/')}$`, 's');
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
