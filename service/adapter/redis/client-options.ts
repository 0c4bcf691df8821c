// The options of the client that the adapter is given, and a TypeError for everything that is not
// a client of redis 5 or 6: used all the same, it would connect elsewhere, crash or hang.
import type { RedisClientOptions, RedisClusterOptions, RedisSentinelOptions } from '@redis/client';
import type { RedisClient, SentinelOptions } from './client.ts';

export type ClientOptions = RedisClientOptions | RedisSentinelOptions | RedisClusterOptions;

const wanted =
  'Give it a client made by createClient, createSentinel or createCluster of the package redis, ' +
  'version 5 or 6: createAdapter(createClient({ url }))';

/** Throws a `TypeError` that says what to give instead. */
export function optionsOf(given: RedisClient | SentinelOptions): ClientOptions {
  if (has(given, 'sentinelRootNodes')) return withoutPrefix(given as RedisSentinelOptions);
  if (!isNodeRedis(given)) throw new TypeError(`createAdapter got ${nameOf(given)}. ${wanted}`);
  if (has(given, 'getSentinelNode') && !has(given, 'duplicate')) {
    throw new TypeError(
      'createAdapter got a Sentinel client of redis 5, which does not show its options. ' +
        'Give createAdapter the options of createSentinel in its place, or upgrade redis to 6',
    );
  }
  const options = Reflect.get(given, 'options') ?? fromDuplicate(given);
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`createAdapter got a pool or another part of a client. ${wanted}`);
  }
  return withoutPrefix(options);
}

/** The adapter of Socket.IO takes a second client there, for subscriptions. */
export function requireOptions(given: unknown): void {
  if (!has(given, 'connect') && !has(given, 'duplicate')) return;
  throw new TypeError(
    'createAdapter takes one client, and opens connections of its own for subscriptions. ' +
      'Leave the second client away: createAdapter(client, options)',
  );
}

/** Sentinel and cluster clients show their options only to a duplicate, so this makes one. */
function fromDuplicate(client: RedisClient): ClientOptions | undefined {
  class Kept {
    readonly options: ClientOptions;
    constructor(options: ClientOptions) {
      this.options = options;
    }
  }
  const duplicate: unknown = Reflect.get(client, 'duplicate');
  if (typeof duplicate !== 'function') return undefined;
  const self = { _self: { value: Reflect.get(client, '_self') } };
  return duplicate.call(Object.create(Kept.prototype, self)).options;
}

/** A prefix of node-redis is put before keys and not before channels, so it would do harm here. */
function withoutPrefix(options: ClientOptions): ClientOptions {
  const { nodeClientOptions, defaults } = options as Record<string, object | undefined>;
  for (const part of [options, nodeClientOptions, defaults]) {
    if (part && Reflect.get(part, 'keyPrefix')) {
      throw new TypeError(
        'createAdapter got a client with a keyPrefix, which does not reach channels. ' +
          'Give a client without one, and the prefix as the option `key` of createAdapter',
      );
    }
  }
  return options;
}

function has(given: unknown, property: string): given is object {
  return typeof given === 'object' && given !== null && property in given;
}

function isNodeRedis(given: unknown): given is RedisClient {
  return has(given, 'withTypeMapping') && has(given, '_self') && has(given, 'connect');
}

function nameOf(given: unknown): string {
  if (typeof given === 'string' || given instanceof URL) return 'an address';
  if (Array.isArray(given)) return 'an array';
  if (has(given, 'then')) return 'a promise: await it first';
  if (has(given, 'defineCommand')) return 'a client of ioredis';
  if (has(given, 'duplicate')) return 'a client of redis 4 or older, or of another package';
  if (typeof given === 'object' && given) return 'an object that is no Redis client';
  return String(given);
}
