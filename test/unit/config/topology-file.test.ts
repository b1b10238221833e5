import { describe, expect, test } from 'vitest';
import { KINDS } from '../../../src/config/kinds/kinds.ts';
import { parseResources } from '../../../src/config/load.ts';
import { placeTopology } from '../../../src/config/placement.ts';
import { parseTopology, serializeTopology } from '../../../src/config/topology-file.ts';

const text = KINDS.map(({ example }) => example).join('---\n');
/** Stands for the module that the example names. */
const MODULE = { bytes: new Uint8Array(), sha256: /sha256: ([0-9a-f]{64})/.exec(text)?.[1] ?? '' };
const model = parseResources([{ file: 'all.yaml', text: Buffer.from(text) }], () => MODULE);
const topology = placeTopology(model, undefined, { instance: 'default', busyCidrs: [] });
const edited = (edit: (value: { gatewayIp?: string; model: object; serviceIps: object }) => void): string => {
  const value = JSON.parse(serializeTopology(topology));
  edit(value);
  return JSON.stringify(value);
};

test('a topology is the same after writing and reading, and so is its text', () => {
  const read = parseTopology(serializeTopology(topology));
  expect(read).toEqual(topology);
  expect(serializeTopology(read)).toBe(serializeTopology(topology));
});

describe('a damaged file', () => {
  test.each([
    ['is cut off', serializeTopology(topology).slice(0, -20), 'no valid JSON'],
    ['is empty', '', 'no valid JSON'],
    ['is another value', 'null', 'the resource must be object'],
    ['has another format', edited((value) => Object.assign(value, { format: 2 })), 'format 2, this shunt reads 1'],
    [
      'lacks a field',
      edited((value) => delete value.gatewayIp),
      "the resource must have required property 'gatewayIp'",
    ],
    ['has a field more', edited((value) => Object.assign(value, { x: 1 })), 'must NOT have additional properties'],
    [
      'has a wrong type',
      edited((value) => Object.assign(value.model, { services: 1 })),
      'model.services must be array',
    ],
    ['lacks an address', edited((value) => Object.assign(value, { workloadIps: {} })), 'shop/api has no address'],
    [
      'has an address more',
      edited((value) => Object.assign(value.serviceIps, { 'a/b': '1.2.3.4' })),
      'an address for a/b, which is no resource',
    ],
  ])('that %s is refused with what to do', (_, damaged, message) => {
    expect(() => parseTopology(damaged, '/run/shunt/default/topology.json')).toThrow(message);
    expect(() => parseTopology(damaged)).toThrow('topology.json: ');
    expect(() => parseTopology(damaged)).toThrow('run `shunt down`, then `shunt up`');
  });
});
