import { expect, it } from 'vitest';
import { printSnippet, type SnippetCommandOptions } from '../../../src/cli/commands/filters.ts';
import { context } from '../../../src/cli/context.ts';

const ctx = context({ instance: 'snippet', output: 'json' });

it.each<[options: SnippetCommandOptions, message: string]>([
  [{ reloadFrom: 'a.json', file: ['policies'] }, '--file does not go with --reload-from'],
  [{ reloadFrom: 'a.json', module: '/m.wasm' }, '--module does not go with --reload-from'],
  [{ reloadFrom: 'a.json', resource: true }, '--resource does not go with --reload-from'],
  [{ reloadFrom: 'a.txt' }, '--reload-from a.txt: expected a file that ends with .json or .yaml'],
  [{ identity: 'mtls' }, '--identity needs -f with the policies'],
  [{ module: 'm.wasm' }, '--module m.wasm: expected an absolute path'],
])('refuses options that do not go together: %j', (options, message) => {
  expect(() => printSnippet(ctx, 'authz', options)).toThrow(
    expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(message) }),
  );
});
