// The adapter accepts clients of node-redis 5 and 6, with any options.
import { type EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import * as redis6 from '@redis/client';
import { Redis as IoRedis } from 'ioredis';
import { createClient as createClient4 } from 'redis-4';
import * as redis5 from 'redis-5';
import { describe, expect, it, onTestFinished } from 'vitest';
import { expectAlone } from '../../../test/harness/alone.ts';
import { startRedis } from '../../../test/harness/redis.ts';
import { createAdapter } from '../index.ts';

const redis3 = createRequire(import.meta.url)('redis-3'); // has no types
const otherTypes = { commandOptions: { typeMapping: { [redis6.RESP_TYPES.BLOB_STRING]: Buffer } } };
const sentinel = { name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port: 26_379 }] };

describe('a client of node-redis', () => {
  it.each([
    ['5', (url: string) => redis5.createClient({ url })],
    ['5 with RESP 3', (url: string) => redis5.createClient({ url, RESP: 3 })],
    ['6', (url: string) => redis6.createClient({ url })],
    ['6 with RESP 2', (url: string) => redis6.createClient({ url, RESP: 2 })],
    ['6 with other types', (url: string) => redis6.createClient({ url, ...otherTypes })],
    ['6 with a cache', (url: string) => redis6.createClient({ url, clientSideCache: { ttl: 0 } })],
    ['6 in a proxy', (url: string) => redis6.createClient({ url }).withTypeMapping({})],
  ])('%s carries messages', async (_, open) => {
    const { url } = await startRedis();
    await expectAlone(open(url));
  });

  it('is not used itself: closing it changes nothing', async () => {
    const { url } = await startRedis();
    const client = await redis5.createClient({ url }).connect();
    const alone = expectAlone(client);
    client.destroy();
    await alone;
  });
});

describe('createAdapter refuses, with a TypeError that says what to pass,', () => {
  it.each<[name: string, given: unknown, sentence: RegExp]>([
    ['nothing', undefined, /got undefined\. Pass a client from createClient/],
    ['null', null, /got null\. Pass a client/],
    ['an address', 'redis://localhost', /got an address\. .*createAdapter\(createClient\(\{ url/],
    [
      'options of createClient',
      { url: 'redis://localhost' },
      /got an object that is not a Redis client\. Pass a client/,
    ],
    [
      'a pair of clients',
      [redis6.createClient(), redis6.createClient()],
      /got an array\. Pass a client/,
    ],
    ['a promise', Promise.resolve(redis6.createClient()), /a promise: await it first/],
    ['a client of redis 4', createClient4(), /got a client of redis 4 or older/],
    [
      'a Sentinel client of redis 5',
      redis5.createSentinel(sentinel),
      /Pass the options of createSentinel/,
    ],
    ['a pool', redis6.createClientPool(), /got a pool or another part of a client/],
    ['a legacy client', redis6.createClient().legacy(), /got an object that is not a Redis client/],
    [
      'a client with a keyPrefix',
      redis6.createClient({ keyPrefix: 'app:' }),
      /the prefix as the option `key`/,
    ],
  ])('%s', (_, given, sentence) => {
    expect(() => createAdapter(given as never)).toThrow(TypeError);
    expect(() => createAdapter(given as never)).toThrow(sentence);
  });

  it('a second client in the place of the options', () => {
    const [publisher, subscriber] = [redis6.createClient(), redis6.createClient()];
    expect(() => createAdapter(publisher, subscriber as never)).toThrow(/takes one client/);
  });

  it.each<[name: string, open: (port: number) => unknown, sentence: RegExp]>([
    ['ioredis', (port) => new IoRedis(port), /got a client of ioredis\. Pass a client/],
    ['redis 3', (port) => redis3.createClient(port), /got a client of redis 4 or older/],
  ])('a client of %s, without a connection to anywhere', async (_, open, sentence) => {
    const { port } = await startRedis();
    const client = open(port) as EventEmitter & { quit(): void };
    await once(client, 'ready');
    onTestFinished(() => client.quit());
    const resources = process.getActiveResourcesInfo();
    expect(() => createAdapter(client as never)).toThrow(TypeError);
    expect(() => createAdapter(client as never)).toThrow(sentence);
    expect(process.getActiveResourcesInfo()).toEqual(resources);
  });
});
