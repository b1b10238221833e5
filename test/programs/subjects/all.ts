import type { Subject } from '../subject.ts';
import { goEcho, goGreedy, goGreedyProxy, goProxy } from './go.ts';
import { haproxyAlways, haproxySplice } from './haproxy.ts';
import { javaNio, netty } from './java.ts';
import { lighttpd } from './lighttpd.ts';
import { memcached } from './memcached.ts';
import { nginx } from './nginx.ts';
import { nodeEcho, nodeHttp } from './node.ts';
import { postgres } from './postgres.ts';
import { pythonAsyncio, pythonBlocking } from './python.ts';
import { redis } from './redis.ts';
import { tokioProxy } from './rust.ts';
import { socketProxy } from './systemd.ts';

/** In the order of the table. */
export const SUBJECTS: readonly Subject[] = [
  ...[nginx, lighttpd, nodeHttp, redis, memcached, postgres],
  ...[nodeEcho, goEcho, goGreedy, javaNio, netty, pythonAsyncio, pythonBlocking],
  ...[haproxySplice, haproxyAlways, socketProxy, goProxy, goGreedyProxy, tokioProxy],
];
