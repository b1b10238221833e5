/** bad-configurations.yaml: one good configuration of the authz filter, and what is wrong with changes of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { AuthzConfiguration } from '../../../src/policy/l7.ts';

export const good = {
  sources: { web: { principal: 'cluster.local/ns/default/sa/web', namespace: 'default' } },
  destinations: { 'api:8080': { port: 8080, policies: [0, 1] } },
  policies: [
    {
      name: 'default/readers',
      action: 'ALLOW',
      rules: [{ from: [{ principals: ['*/sa/web'] }], to: [{ methods: ['GET'], paths: ['/a'], ports: ['8080'] }] }],
    },
    { name: 'default/closed', action: 'DENY', rules: [{ to: [{ paths: ['/secret/{**}'] }] }] },
  ],
} satisfies AuthzConfiguration;

const GOOD = JSON.stringify(good);

type Place = string | number;
const file = parse(readFileSync(join(import.meta.dirname, 'bad-configurations.yaml'), 'utf8')) as {
  changes: [what: string, from: string, to: string, problem: string, place: Place][];
  texts: [what: string, text: string, problem: string, place: Place][];
};

/** `offset` of `place`; the message names it as line and column. */
function refusal(what: string, text: string, problem: string, place: Place, offset: number): [string, string, string] {
  if (offset < 0) throw new Error(`${what}: ${place} is not in ${text}`);
  const lines = text.slice(0, offset).split('\n');
  return [what, text, `${lines.length}:${(lines.at(-1) ?? '').length + 1}: ${problem}`];
}

const changed = file.changes.map(([what, from, to, problem, place]) => {
  if (!GOOD.includes(from)) throw new Error(`${what}: ${from} is not in the good configuration`);
  const text = GOOD.replace(from, () => to);
  return refusal(what, text, problem, place, typeof place === 'number' ? place : text.indexOf(place));
});

const whole = file.texts.map(([what, template, problem, place]) => {
  const text = template.replace('$GOOD', () => GOOD);
  return refusal(what, text, problem, place, typeof place === 'number' ? place : text.lastIndexOf(place));
});

const openString = GOOD.slice(0, GOOD.indexOf('/a"') + 2);

/** What, text, and the message with its place. */
export const refused: [what: string, text: string, message: string][] = [
  ...changed,
  ...whole,
  refusal('an open string', openString, 'string without end', '"/a', openString.indexOf('"/a')),
  refusal('nesting without end', '['.repeat(100_000), 'nested deeper than 32', 32, 32),
];

/** Texts that are not UTF-8. */
export const notUtf8: [what: string, text: Buffer][] = Object.entries({
  'an overlong form': [0xc0, 0x80],
  'an overlong form of three bytes': [0xe0, 0x80, 0x80],
  'a surrogate': [0xed, 0xa0, 0x80],
  'a character beyond Unicode': [0xf4, 0x90, 0x80, 0x80],
  'a byte that UTF-8 never has': [0xff],
  'a lone continuation': [0x80],
  'half a character': [0xe2, 0x82],
}).map(([what, bytes]) => [
  what,
  Buffer.concat([Buffer.from('{"sources":{"'), Buffer.from(bytes), Buffer.from('":1}}')]),
]);
