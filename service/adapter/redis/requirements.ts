// What a Redis must be and allow for the promises to hold, found out by trying at every connect.
import type { Client } from './client.ts';
import { missingPermissions, type Needs } from './permissions.ts';

/** A Redis on which the promises cannot be kept; the message says what to do about it. */
export class RedisUnfit extends Error {
  override name = 'RedisUnfit';
  override stack = undefined as never; // nothing of it is in the code
}

const majorVersionMin = 7;

/**
 * Rejects with `RedisUnfit`, or another error when the server can't be used now.
 * @param warn told what the promises suffer from, though they are kept
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
  if (role !== 'master') throw new Error('This Redis is a replica: its master is looked for again');
  const missing = await missingPermissions(client, needs);
  if (missing.length > 0) throw new RedisUnfit(grantOf(client.options.username, missing));
  await examineSettings(client, warn);
}

/** Says what it means when the server refuses a client that connects; else the error itself. */
export function refusal(error: unknown, { options }: Client): unknown {
  const { message = '' } = error as Error;
  const { host, port } = options.socket as { host?: string; port?: number };
  const { username: user = 'default' } = options;
  if (/^(WRONGPASS|NOAUTH)/.test(message)) {
    return new RedisUnfit(`${host}:${port} refuses the user ${user} or the password: correct them`);
  }
  const [, command] = /^NOPERM.* run the '(\S+)' command/.exec(message) ?? [];
  if (command) return new RedisUnfit(grantOf(user, [`+${command}`]));
  if (/cluster support disabled/.test(message)) return new RedisUnfit(otherMode('standalone'));
  if (/unknown command .?SENTINEL/i.test(message)) {
    return new RedisUnfit(`${host}:${port} is no Sentinel: give the addresses of the Sentinels`);
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
  const info = await client.info().catch(() => ''); // CONFIG is forbidden in managed Redis
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
      'INFO does not show maxmemory-policy and appendonly: see that they are noeviction and yes',
    );
  } else if (appendOnly === '0') {
    warn('Redis keeps no append-only file, so a restart of it loses messages: set appendonly yes');
  }
}
