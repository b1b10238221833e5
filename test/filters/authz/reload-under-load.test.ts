import { beforeAll, describe, expect, test } from 'vitest';
import { type ReloadFacts, reloadUnderLoad } from '../support/reloads.ts';

const RELOADS = 200;

describe(`${RELOADS} reloads of one of two configurations on one VM, in a real Envoy under load`, () => {
  let facts: ReloadFacts;

  beforeAll(async () => {
    facts = await reloadUnderLoad(RELOADS);
  });

  test('no request gets a verdict of a configuration that is not in force, or an error', () => {
    expect(facts.wrong).toEqual([]);
    expect(facts.requests).toBeGreaterThan(10 * RELOADS);
  });

  test('no connection is drained, of HTTP/1.1 or HTTP/2', () => {
    expect(facts.connections).toBe(facts.clients);
  });

  test('counters survive: every request is in them', () => {
    expect(facts.counted).toBe(facts.requests);
  });

  test('the memory of the VMs is flat, and there is none more', () => {
    const [before, ...later] = facts.memory.map(({ vmsKb }) => vmsKb);
    // two that serve, and the one that they were made from
    expect(before).toHaveLength(3);
    expect(later).toHaveLength(10);
    for (const vms of later) expect(vms).toEqual(before);
  });

  test('Envoy itself keeps less than 4 kB of each reload', () => {
    const [, first, ...later] = facts.memory.map(({ anonymousKb }) => anonymousKb);
    expect(Math.max(...later) - (first ?? 0)).toBeLessThan(4 * RELOADS);
  });
});
