/** The compiled filter in a proxy for Node; `npm test` compiles it before. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type HeaderList, Host, loadFilter } from 'proxy-wasm-sdk/testing/index.ts';

const ROOT = join(import.meta.dirname, '..');
const module = loadFilter(join(ROOT, 'build/FILTER_NAME.wasm'));
const [example] = JSON.parse(readFileSync(join(ROOT, 'schema.json'), 'utf8')).examples;

test('sets the header, whatever the application sent, and counts', () => {
  const host = new Host();
  const plugin = host.load({ module, configuration: JSON.stringify(example) });
  const plain: HeaderList = [[':status', '200']];
  const forged: HeaderList = [...plain, ['x-served-by', 'someone else']];
  for (const headers of [plain, forged]) {
    using stream = plugin.http();
    assert.equal(stream.responseHeaders(headers), 'continue');
    // The list is what the client gets: filters change it in place.
    assert.deepEqual(headers, [
      [':status', '200'],
      ['x-served-by', example.value],
    ]);
  }
  assert.equal(host.metrics.value('FILTER_NAME.responses'), 2n);
});

for (const [configuration, reason] of [
  ['', /1:1: /],
  ['{}', /1:1: lacks value/],
  ['{"value":7}', /1:10: value: expected a string/],
  ['{"value":""}', /1:10: value: expected text that is not empty/],
  ['{"value":"a","more":1}', /1:21: more: unknown key; expected value/],
] as const) {
  test(`refuses the configuration ${configuration}`, () => {
    assert.throws(() => new Host().load({ module, configuration }), reason);
  });
}
