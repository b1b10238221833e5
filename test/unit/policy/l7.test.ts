import { expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { l7Configuration } from '../../../src/policy/l7.ts';
import { policy, shop } from './shop.ts';

const reader = policy(
  '{selector: {matchLabels: {app: api}}, rules: [{from: [{source: {principals: ["*/sa/web"]}}], to: [{operation: {methods: [GET]}}]}]}',
  'reader',
);
const closed = policy('{}', 'closed', 'tools');
const noPosts = policy(
  '{action: DENY, rules: [{to: [{operation: {methods: [POST], ports: ["9090"]}}]}, {}]}',
  'no-posts',
  'istio-system',
);

test('is the JSON of docs/architecture.md', () => {
  const topology = shop(reader, closed, noPosts);
  const addressOf = (key: ResourceKey): string => topology.workloadIps[key] ?? '';
  expect(l7Configuration(topology)).toEqual({
    sources: {
      'shop/api': { principal: 'cluster.local/ns/shop/sa/api', namespace: 'shop', address: addressOf('shop/api') },
      'shop/cache-0': {
        principal: 'cluster.local/ns/shop/sa/default',
        namespace: 'shop',
        address: addressOf('shop/cache-0'),
      },
      'shop/cache-1': {
        principal: 'cluster.local/ns/shop/sa/default',
        namespace: 'shop',
        address: addressOf('shop/cache-1'),
      },
      'shop/web': { principal: 'cluster.local/ns/shop/sa/web', namespace: 'shop', address: addressOf('shop/web') },
      'tools/probe': {
        principal: 'cluster.local/ns/tools/sa/prober',
        namespace: 'tools',
        address: addressOf('tools/probe'),
      },
    },
    destinations: {
      'shop/api:8080': { port: 8080, address: addressOf('shop/api'), policies: [0, 1] },
      'shop/api:9090': { port: 9090, address: addressOf('shop/api'), policies: [0, 1] },
    },
    policies: [
      {
        name: 'istio-system/no-posts',
        action: 'DENY',
        rules: [{ to: [{ methods: ['POST'], ports: ['9090'] }] }, {}],
      },
      {
        name: 'shop/reader',
        action: 'ALLOW',
        rules: [{ from: [{ principals: ['*/sa/web'] }], to: [{ methods: ['GET'] }] }],
      },
      { name: 'tools/closed', action: 'ALLOW', rules: [] },
    ],
  });
});

test('is the same text whatever the order of the documents', () => {
  const one = JSON.stringify(l7Configuration(shop(reader, closed, noPosts)));
  expect(JSON.stringify(l7Configuration(shop(noPosts, closed, reader)))).toBe(one);
});

test('names no empty list that would be refused, and lists destinations without policies', () => {
  const topology = shop();
  const text = JSON.stringify(l7Configuration(topology));
  expect(text).toContain(`"shop/api:8080":{"port":8080,"address":"${topology.workloadIps['shop/api']}","policies":[]}`);
  expect(text).not.toContain('"from":[]');
});

test('says nothing of addresses where the proxy sees those of callers itself', () => {
  const { model } = shop(reader);
  expect(JSON.stringify(l7Configuration({ model }))).not.toContain('address');
});

test('hands on conditions, audits and dry runs', () => {
  const audit = policy('{action: AUDIT, rules: [{when: [{key: source.ip, notValues: [10.0.0.1]}]}]}', 'audit');
  const dry = policy('{rules: [{}]}', 'dry').replace(
    'name: dry,',
    'name: dry, annotations: {istio.io/dry-run: "true"},',
  );
  const wet = policy('{rules: [{}]}', 'wet').replace(
    'name: wet,',
    'name: wet, annotations: {istio.io/dry-run: "false"},',
  );
  expect(l7Configuration(shop(audit, dry, wet)).policies).toEqual([
    { name: 'shop/audit', action: 'AUDIT', rules: [{ when: [{ key: 'source.ip', notValues: ['10.0.0.1'] }] }] },
    { name: 'shop/dry', action: 'ALLOW', dryRun: true, rules: [{}] },
    { name: 'shop/wet', action: 'ALLOW', rules: [{}] },
  ]);
});
