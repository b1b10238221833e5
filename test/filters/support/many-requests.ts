/**
 * Requests by the million through the authz filter in the Node host, for the test that memory is flat and for the long run
 * (`npm run bench -- soak`). Two configurations are in one VM: callers by listener, and by certificate.
 */
import { Host, type Plugin } from 'proxy-wasm-sdk/testing/index.ts';
import { type AuthzRequest, ask, load } from './authz.ts';

/** More than the filter keeps, so that it forgets again and again. */
const CERTIFICATES = 5000;
const LONG = `/x${'y'.repeat(80_000)}`;
const SAMPLES = 10;

export interface ManyRequestsFacts {
  /** Of the VM's linear memory, after each tenth of the requests. */
  readonly memoryKb: readonly number[];
  /** Contexts that are left; 2 are the configurations. */
  readonly contexts: number;
  /** Requests with another verdict than is due. */
  readonly wrong: number;
}

export function manyRequests(requests: number): ManyRequestsFacts {
  const host = new Host();
  const rules = [{ to: [{ methods: ['GET'], paths: ['/x*', '/{*}/items'] }] }];
  const shared = { destinations: { c: { port: 1, policies: [0] } }, policies: [{ name: 'p', action: 'ALLOW', rules }] };
  const byListener = load({ ...shared, sources: { a: { principal: 'p', namespace: 'n' } } }, host, 'shared');
  const byCertificate = load({ ...shared, identity: 'mtls', sources: {} }, host, 'shared');
  const vm = byListener.vm();
  if (byCertificate.vm() !== vm) throw new Error('the configurations have a VM each; expected one for both');
  const memoryKb: number[] = [];
  let wrong = 0;
  for (let i = 1; i <= requests; i++) {
    const allowed = i % 3 !== 0;
    if (ask(...exchange(i, allowed, byListener, byCertificate)).allowed !== allowed) wrong++;
    if (i % Math.ceil(requests / SAMPLES) === 0) memoryKb.push(vm.memory.pages * 64);
  }
  return { memoryKb, contexts: vm.contextCount, wrong };
}

function exchange(i: number, allowed: boolean, byListener: Plugin, byCertificate: Plugin): [Plugin, AuthzRequest] {
  const path = !allowed ? '/denied' : i % 1000 === 1 ? LONG : i % 2 === 0 ? `/${i}/items` : '/xyz';
  const request = { cluster: 'c', method: 'GET', path };
  if (i % 8 !== 0) return [byListener, { ...request, source: 'a' }];
  return [byCertificate, { ...request, certificate: `spiffe://cluster.local/ns/n/sa/${(i / 8) % CERTIFICATES}` }];
}
