import type { Subject } from '../subject.ts';
import { goEcho, goProxy } from './go.ts';
import { haproxySplice } from './haproxy.ts';
import { javaNio } from './java.ts';
import { memcached } from './memcached.ts';
import { nginx } from './nginx.ts';
import { nodeEcho, nodeHttp } from './node.ts';
import { postgres } from './postgres.ts';
import { pythonAsyncio, pythonBlocking } from './python.ts';
import { redis } from './redis.ts';
import { tokioProxy } from './rust.ts';

/** In the order of the table. */
export const SUBJECTS: readonly Subject[] = [
  ...[nginx, nodeHttp, redis, memcached, postgres],
  ...[nodeEcho, goEcho, javaNio, pythonAsyncio, pythonBlocking],
  ...[haproxySplice, goProxy, tokioProxy],
];
