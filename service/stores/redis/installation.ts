// The lease of an installation on its prefix. A second installation on the same one would receive
// its messages and move its clients, so it does not start.
import { RedisUnfit } from '../../adapter/index.ts';
import { startBackgroundLoop } from '../../lib/background-loop.ts';
import { isUnavailable } from '../broadcast.ts';
import type { Redis, StoreNeeds } from './connection.ts';

const renewMs = 5_000;
const leaseMs = 60_000; // survives an outage of Redis, when nobody can renew it

// KEYS: installation. ARGV: name, lease ms. Returns the installation that holds the lease.
const holdLua = `
local holder = redis.call('GET', KEYS[1]) or ARGV[1]
if holder == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return holder`;

export const installationNeeds: StoreNeeds = { scripts: [holdLua], commands: [] };

interface Names {
  /** An installation without a name holds no lease. */
  installation: string;
  redisPrefix: string;
}

export function holdPrefix(
  redis: Redis,
  { installation, redisPrefix }: Names,
  report: (stage: string, error: unknown) => void,
) {
  const hold = async () => {
    const holder = await redis.script(
      holdLua,
      [redis.key('installation')],
      [installation, leaseMs],
    );
    if (holder !== installation) throw new RedisUnfit(refusalOf(String(holder), redisPrefix));
  };
  const first = async () => {
    await redis.ready();
    if (installation === '') return;
    await hold().catch((error: unknown) => {
      if (!isUnavailable(error)) throw error; // otherwise the next renewal tells
    });
  };
  const held = first();
  const renew = async () => {
    await hold().catch((error: unknown) => isUnavailable(error) || report('installation', error));
    return renewMs;
  };
  const loop = installation === '' ? undefined : startBackgroundLoop(held, renew);
  return {
    /** Resolves once the prefix is free. Rejects with `RedisUnfit` if another one uses it. */
    held,
    close: () => loop?.close(),
  };
}

const refusalOf = (holder: string, prefix: string) =>
  `The installation ${holder} uses the prefix ${prefix} of this Redis: set REDIS_PREFIX to ` +
  'another one, or stop the other installation and wait for a minute';
