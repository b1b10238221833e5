/** Capture alone, attached in a lab: one made-up Service, and a proxy that only accepts. */
import type { BpfObject } from '../bpf/object.ts';
import { DestinationKind, maps, type Settings } from '../generated/abi.ts';
import type { Lab } from './lab.ts';
import { loadOnly } from './programs.ts';

const WORKLOAD_PROGRAMS = ['connect4', 'connect6', 'getpeername4', 'getpeername6', 'publish'];
const PROXY_PROGRAM = 'original_dst';

/** TEST-NET-1 (RFC 5737): no route leads there, so that what is not captured fails at once. */
const SERVICE_IP = '192.0.2.1';
const SERVICE_IP_BE = 0x010200c0;
const SERVICE_PORT = 80;
const SERVICE_PORT_BE = 0x5000;

/** Dispose it: all is detached. */
export class Capture implements Disposable {
  readonly #lab: Lab;
  readonly #object: BpfObject;
  readonly #undo: DisposableStack;

  private constructor(lab: Lab, object: BpfObject, undo: DisposableStack) {
    this.#lab = lab;
    this.#object = object;
    this.#undo = undo;
  }

  /** @throws what src/bpf throws; nothing stays then. */
  static attach(lab: Lab): Capture {
    using undo = new DisposableStack();
    const object = undo.use(loadOnly(lab.build, 'capture', [...WORKLOAD_PROGRAMS, PROXY_PROGRAM]));
    object
      .map(maps.destinations)
      .set({ ipBe: SERVICE_IP_BE, portBe: SERVICE_PORT_BE }, { kind: DestinationKind.SERVICE, flags: 0 });
    for (const name of WORKLOAD_PROGRAMS) undo.use(object.program(name).attachCgroup(lab.cgroup('workload')));
    undo.use(object.program(PROXY_PROGRAM).attachCgroup(lab.cgroup('proxy')));
    return new Capture(lab, object, undo.move());
  }

  /** Names of the hooks that did their work for one connection; `prefix` `::ffff:` makes it one of IPv6 sockets. */
  async seen(prefix: '' | '::ffff:'): Promise<string[]> {
    const client = this.#lab.peer('workload');
    const proxy = this.#lab.peer('proxy');
    const { bytes: port } = await proxy.do('listen', `${prefix}127.0.0.1`);
    const settings = this.#object.map(maps.settings);
    settings.set(0, { ...(settings.get(0) as Settings), outboundPort: port });
    if ((await client.try('connect', `${prefix}${SERVICE_IP}`, SERVICE_PORT)).error !== '') return [];
    await proxy.do('accept');
    const family = prefix === '' ? '4' : '6';
    const seen = [`connect${family}`];
    if ((await client.try('port-of', 'peer')).bytes === SERVICE_PORT) seen.push(`getpeername${family}`);
    if ((await proxy.try('port-of', 'original')).bytes === SERVICE_PORT) seen.push(`getsockopt${family}`);
    return seen;
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }
}
