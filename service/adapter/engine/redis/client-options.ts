// Reads the options of the client that is passed to createAdapter. Throws a TypeError unless it is
// a client of redis 5 or 6: others would connect to the wrong server, crash the process or hang.
import type { RedisClientOptions, RedisClusterOptions, RedisSentinelOptions } from '@redis/client';
import type { RedisClient, SentinelOptions } from './client.ts';

export type ClientOptions = RedisClientOptions | RedisSentinelOptions | RedisClusterOptions;

const wanted =
  'Pass a client from createClient, createSentinel or createCluster of the package redis, ' +
  'version 5 or 6: createAdapter(createClient({ url }))';

/** Throws a `TypeError` that says what to pass instead. */
export function optionsOf(given: RedisClient | SentinelOptions): ClientOptions {
  if (has(given, 'sentinelRootNodes')) return withoutPrefix(given as RedisSentinelOptions);
  if (!isNodeRedis(given)) throw new TypeError(`createAdapter got ${nameOf(given)}. ${wanted}`);
  if (has(given, 'getSentinelNode') && !has(given, 'duplicate')) {
    throw new TypeError(
      'createAdapter got a Sentinel client of redis 5, which does not expose its options. ' +
        'Pass the options of createSentinel instead of the client, or upgrade redis to 6',
    );
  }
  const options = Reflect.get(given, 'options') ?? fromDuplicate(given);
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`createAdapter got a pool or another part of a client. ${wanted}`);
  }
  return withoutPrefix(options);
}

/** The stock adapter expects a second client, for subscriptions, in place of the options. */
export function requireOptions(given: unknown): void {
  if (!has(given, 'connect') && !has(given, 'duplicate')) return;
  throw new TypeError(
    'createAdapter takes one client and opens its own connections for subscriptions. ' +
      'Remove the second client: createAdapter(client, options)',
  );
}

/** Sentinel and cluster clients pass their options only to a duplicate, so this creates one. */
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

/** node-redis prefixes keys but not channels, so the two would no longer match. */
function withoutPrefix(options: ClientOptions): ClientOptions {
  const { nodeClientOptions, defaults } = options as Record<string, object | undefined>;
  for (const part of [options, nodeClientOptions, defaults]) {
    if (part && Reflect.get(part, 'keyPrefix')) {
      throw new TypeError(
        'createAdapter got a client with a keyPrefix, which does not apply to channels. ' +
          'Pass a client without one, and the prefix as the option `key` of createAdapter',
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
  if (typeof given === 'object' && given) return 'an object that is not a Redis client';
  return String(given);
}
