import { expect, test } from 'vitest';
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
  expect(l7Configuration(shop(reader, closed, noPosts))).toEqual({
    sources: {
      'shop/api': { principal: 'cluster.local/ns/shop/sa/api', namespace: 'shop' },
      'shop/cache-0': { principal: 'cluster.local/ns/shop/sa/default', namespace: 'shop' },
      'shop/cache-1': { principal: 'cluster.local/ns/shop/sa/default', namespace: 'shop' },
      'shop/web': { principal: 'cluster.local/ns/shop/sa/web', namespace: 'shop' },
      'tools/probe': { principal: 'cluster.local/ns/tools/sa/prober', namespace: 'tools' },
    },
    destinations: {
      'shop/api:8080': { port: 8080, policies: [0, 1] },
      'shop/api:9090': { port: 9090, policies: [0, 1] },
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
  const text = JSON.stringify(l7Configuration(shop()));
  expect(text).toContain('"shop/api:8080":{"port":8080,"policies":[]}');
  expect(text).not.toContain('"from":[]');
});
