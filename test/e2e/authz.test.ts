import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO } from './resources.ts';

/** A policy of the mesh's own, beside those of ECHO. `annotations`: YAML flow style. */
function policy(name: string, spec: string, annotations = '{}'): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, annotations: ${annotations} }
spec: ${spec}
`;
}

describe('policies of all kinds, in a mesh', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(
      documents(
        ECHO,
        // a captured connection comes over loopback: the address that counts is the workload's
        policy(
          'loopback',
          '{action: DENY, rules: [{from: [{source: {ipBlocks: [127.0.0.0/8]}}], to: [{operation: {paths: [/ok-ip]}}]}]}',
        ),
        policy(
          'others',
          '{action: DENY, rules: [{from: [{source: {notIpBlocks: [127.0.0.0/8]}}], to: [{operation: {paths: [/ok-not-ip]}}]}]}',
        ),
        policy('hosts', '{action: DENY, rules: [{to: [{operation: {notHosts: [echo], paths: [/ok-host]}}]}]}'),
        policy(
          'tier',
          '{action: DENY, rules: [{to: [{operation: {paths: [/ok-tier]}}], when: [{key: "request.headers[x-tier]", notValues: [gold]}]}]}',
        ),
        policy('posts', '{action: AUDIT, rules: [{to: [{operation: {methods: [POST]}}]}]}'),
        policy(
          'soon',
          '{action: DENY, rules: [{to: [{operation: {paths: [/ok-soon]}}]}]}',
          '{istio.io/dry-run: "true"}',
        ),
      ),
    );
    await waitFor('echo answers', async () => (await code('/ok')) === '200');
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  async function code(path: string, ...options: string[]): Promise<string> {
    const url = `http://echo${path}`;
    const common = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', '10'];
    return (await mesh.runAs('client', 'curl', ...common, ...options, url)).stdout;
  }

  it('look at the address of the calling workload', async () => {
    expect(await code('/ok-ip')).toBe('200');
    expect(await code('/ok-not-ip')).toBe('403');
    expect(await code('/ok-not-ip', '-H', 'x-forwarded-for: 127.0.0.1')).toBe('403');
  });

  it('look at hosts and headers', async () => {
    expect(await code('/ok-host')).toBe('200');
    expect(await code('/ok-host', '-H', 'host: other')).toBe('403');
    expect(await code('/ok-tier')).toBe('403');
    expect(await code('/ok-tier', '-H', 'X-Tier: gold')).toBe('200');
  });

  it('audit without deciding: a line in the log of the proxy, and a counter', async () => {
    expect(await code('/ok-audited', '-X', 'POST')).toBe('200');
    const log = join(mesh.instance.logDir, 'envoy.log');
    await waitFor('the line', () =>
      readFileSync(log, 'utf8').includes('shunt.authz: audit default/posts: POST /ok-audited'),
    );
    expect(stats()).toContain('wasmcustom.shunt_authz.policy.default/posts.audited: 1');
  });

  it('run dry without deciding: a counter', async () => {
    expect(await code('/ok-soon')).toBe('200');
    expect(stats()).toContain('wasmcustom.shunt_authz.policy.default/soon.shadow_denied: 1');
    expect(stats()).toContain('wasmcustom.shunt_authz.shadow_denied: 1');
  });

  /** Of the proxy. */
  function stats(): string {
    const options = [
      '-s',
      '--unix-socket',
      mesh.instance.envoyAdminSocket,
      'http://localhost/stats?filter=shunt_authz',
    ];
    return execFileSync('curl', options, { encoding: 'utf8' });
  }
});
