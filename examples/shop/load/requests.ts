/** What the load generator asks for, and what each request must come to: known when it is made, not learnt from the answer. */
import { ITEM_COUNT, itemOf } from '../catalogue.ts';
import { STATIC_PAGE } from '../page.ts';

/** Which Service it goes to. */
export type Target = 'web' | 'api';

export interface PlannedRequest {
  readonly target: Target;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** `allow`: the policy lets it pass, and the body below must come back. `deny`: 403 from the policy. */
  readonly expect: 'allow' | 'deny';
  /** The only right body of an allowed request. */
  readonly body?: string;
}

type Make = (random: () => number) => PlannedRequest;

/** One in so many requests is of this kind; the sum is 100. */
const MIX: readonly (readonly [number, Make])[] = [
  [35, () => ({ target: 'web', method: 'GET', path: '/', expect: 'allow', body: STATIC_PAGE })],
  [30, (random) => item('api', random)],
  // load -> web -> api -> cache: three hops through the mesh
  [20, (random) => item('web', random)],
  // denied because no ALLOW policy has the method
  [3, () => ({ target: 'web', method: 'DELETE', path: '/upload/1', expect: 'deny' })],
  [3, (random) => ({ ...item('api', random), method: 'POST', expect: 'deny' })],
  // denied by a DENY policy, although web-customers allows every GET
  [3, () => ({ target: 'web', method: 'GET', path: '/private/prices', expect: 'deny' })],
  // denied because no ALLOW policy has the path
  [3, () => ({ target: 'api', method: 'GET', path: '/admin/keys', expect: 'deny' })],
  // allowed by web, denied by api to web
  [3, () => ({ target: 'web', method: 'GET', path: '/admin/keys', expect: 'deny' })],
];

/** `random`: uniform in [0, 1). */
export function nextRequest(random: () => number): PlannedRequest {
  let left = random() * 100;
  for (const [weight, make] of MIX) {
    if (left < weight) return make(random);
    left -= weight;
  }
  throw new Error('the weights of the mix do not add up to 100');
}

function item(target: Target, random: () => number): PlannedRequest {
  const id = Math.floor(random() * ITEM_COUNT);
  return { target, method: 'GET', path: `/items/${id}`, expect: 'allow', body: JSON.stringify(itemOf(id)) };
}
