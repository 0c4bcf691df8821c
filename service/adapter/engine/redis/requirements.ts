// Checks at every connect that Redis meets the requirements of the guarantees.
import type { Client } from './client.ts';
import { missingPermissions, type Needs } from './permissions.ts';

/** The Redis does not meet a requirement. The message says how to fix it. */
export class RedisUnfit extends Error {
  override name = 'RedisUnfit';
  override stack = undefined as never; // the cause is not in the code
}

const majorVersionMin = 7;

/**
 * Rejects with `RedisUnfit`, or with another error if the server cannot be used right now.
 * @param warn receives warnings about settings that weaken a guarantee
 */
export async function examine(
  client: Client,
  needs: Needs,
  sharded: boolean,
  warn: (sentence: string) => void,
): Promise<void> {
  const { version, role, mode } = await client.hello();
  if (Number.parseInt(version, 10) < majorVersionMin) {
    throw new RedisUnfit(`Redis ${version} is too old: upgrade it to ${majorVersionMin} or newer`);
  }
  if (mode !== (sharded ? 'cluster' : 'standalone')) {
    throw new RedisUnfit(otherMode(mode));
  }
  if (role !== 'master') throw new Error('This Redis is a replica; locating the master again');
  const missing = await missingPermissions(client, needs);
  if (missing.length > 0) throw new RedisUnfit(grantOf(client.options.username, missing));
  await examineSettings(client, warn);
}

/** Explains why a server refused a connection. Returns other errors unchanged. */
export function refusal(error: unknown, { options }: Client): unknown {
  const { message = '' } = error as Error;
  const { host, port } = options.socket as { host?: string; port?: number };
  const { username: user = 'default' } = options;
  if (/^(WRONGPASS|NOAUTH)/.test(message)) {
    return new RedisUnfit(
      `${host}:${port} rejected the user name ${user} or its password: check both`,
    );
  }
  const [, command] = /^NOPERM.* run the '(\S+)' command/.exec(message) ?? [];
  if (command) return new RedisUnfit(grantOf(user, [`+${command}`]));
  if (/cluster support disabled/.test(message)) return new RedisUnfit(otherMode('standalone'));
  if (/unknown command .?SENTINEL/i.test(message)) {
    return new RedisUnfit(`${host}:${port} is not a Sentinel: use the addresses of the Sentinels`);
  }
  if (/unknown command .?HELLO/i.test(message)) {
    return new RedisUnfit(`This Redis is too old: upgrade it to ${majorVersionMin} or newer`);
  }
  return error;
}

const creators: Record<string, string> = { cluster: 'createCluster', sentinel: 'createSentinel' };

const otherMode = (mode: string) =>
  `This Redis runs in ${mode} mode: connect to it as such, with ` +
  `${creators[mode] ?? 'createClient'} (in Mooring: REDIS_MODE)`;

const grantOf = (user = 'default', rules: string[]) =>
  `Redis does not permit what is needed: ACL SETUSER ${user} ${rules.join(' ')}`;

async function examineSettings(client: Client, warn: (sentence: string) => void): Promise<void> {
  const info = await client.info().catch(() => ''); // not CONFIG, which managed Redis forbids
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  const appendOnly = /^aof_enabled:(\d)/m.exec(info)?.[1];
  if (policy && policy !== 'noeviction') {
    throw new RedisUnfit(
      `Redis may delete messages and sessions when its memory is full (maxmemory-policy ` +
        `${policy}): set maxmemory-policy noeviction`,
    );
  }
  if (!policy || !appendOnly) {
    warn(
      'INFO does not show maxmemory-policy and appendonly: make sure they are noeviction and yes',
    );
  } else if (appendOnly === '0') {
    warn('Redis has no append-only file, so restarting it loses messages: set appendonly yes');
  }
}
