// Each metric of the contract against a scrape: its name, type and labels, and when it moves.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import {
  apiKey,
  connected,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const scrape = async (operationsUrl: string) => (await fetch(`${operationsUrl}/metrics`)).text();

/** The table of docs/reference/contract.md: names with type and labels. */
function promised(): Map<string, { type: string; labels: string[] }> {
  const [, table = ''] = readFileSync('docs/reference/contract.md', 'utf8').split('\n## Metrics\n');
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  return new Map(
    rows.flatMap((row) => {
      const [, names = '', type = '', labels = ''] = row.split('|');
      const known = labels.split(':')[0]?.trim();
      const shape = {
        type: type.trim().split(',')[0] as string,
        labels: known ? known.split(',').map((label) => label.trim().split(' ')[0] as string) : [],
      };
      return [...names.matchAll(/`(\w+)`/g)].map(([, name]) => [`mooring_${name}`, shape] as const);
    }),
  );
}

/** What a scrape shows of Mooring's own. */
function shown(text: string) {
  const types = [...text.matchAll(/^# TYPE (mooring_\w+) (\w+)$/gm)];
  return new Map(
    types.map(([, name = '', type = '']) => {
      const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
      const keys = lines.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, key]) => key));
      return [name, { type, labels: [...new Set(keys)] }] as const;
    }),
  );
}

describe('a scrape', () => {
  it.each([
    ['in memory', {}],
    ['through Redis', { REDIS_URL: 'redis' }],
    ['of several workers', { REDIS_URL: 'redis', WORKERS: '2' }],
  ])('has the metrics of the contract and no others, %s', async (_, given) => {
    const env = 'REDIS_URL' in given ? { ...given, REDIS_URL: (await startRedis()).url } : given;
    const service = await startProcess(env);
    await untilReady(service.operationsUrl);
    const clientsMax = 'WORKERS' in given ? 20_000 : 10_000; // the second worker may be late
    const counts = async () => (await samples(service.operationsUrl, 'clients_max'))[''];
    await until('every worker is counted', async () => (await counts()) === clientsMax);
    const text = await scrape(service.operationsUrl);
    const found = shown(text);
    const contract = promised();
    expect([...found.keys()].sort()).toEqual([...contract.keys()].sort());
    for (const [name, { type, labels }] of contract) {
      expect([name, found.get(name)?.type]).toEqual([name, type]);
      const seen = found.get(name)?.labels ?? [];
      if (type !== 'histogram' && seen.length > 0) expect([name, seen]).toEqual([name, labels]);
    }
    expect(text).toMatch(/^mooring_info\{replica=".+",revision="",version="\d+\.\d+\.\d+"\} 1$/m);
    expect(text).toContain('mooring_ready 1\n');
    const [, startedAt] = /^mooring_start_time_seconds (\d+)$/m.exec(text) ?? [];
    expect(Math.abs(Number(startedAt) - Date.now() / 1000)).toBeLessThan(30);
  });

  it('adds up over namespaces and transports, readiness apart', async () => {
    const service = await startApp({ CONNECTIONS_MAX: '2' });
    const admin = { sub: 'root', role: 'admin' };
    const { operationsUrl } = service;
    await connected(service.connect(admin, { namespace: '/admin' }));
    expect(await samples(operationsUrl, 'clients')).toEqual({ '': 1 });
    expect(await samples(operationsUrl, 'ready')).toEqual({ '': 1 });
    await connected(service.connect('alice', { transports: ['polling'] }));
    expect(await samples(operationsUrl, 'clients')).toEqual({ '': 2 });
    expect(await samples(operationsUrl, 'ready')).toEqual({ '': 0 }); // over capacity
  });
});

describe('what a message moves, on two replicas', () => {
  it('is counted where it happens', async () => {
    const { url } = await startRedis();
    const replicas = [await startApp({ REDIS_URL: url }), await startApp({ REDIS_URL: url })];
    const [one, two] = replicas as [(typeof replicas)[0], (typeof replicas)[0]];
    for (const { operationsUrl } of replicas) await untilReady(operationsUrl);
    const alice = await connected(one.connect('alice'));
    const bob = await connected(two.connect('bob'));
    await alice.emitWithAck('join_room', 'lobby');
    const announced = next(alice, 'user_joined');
    await bob.emitWithAck('join_room', 'lobby');
    await announced;
    const read = async (name: string) =>
      Promise.all(
        replicas.map(async ({ operationsUrl }) => (await samples(operationsUrl, name))[''] ?? 0),
      );
    const names = ['messages_published_total', 'publish_duration_seconds_count'].concat([
      'messages_delivered_total',
      'delivery_delay_seconds_count',
    ]);
    const before = await Promise.all(names.map(read));
    const heard = [next(alice, 'new_message'), next(bob, 'new_message')];
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'hi' });
    await Promise.all(heard);
    const after = await Promise.all(names.map(read));
    const moved = after.map((values, i) => values.map((value, k) => value - (before[i]?.[k] ?? 0)));
    expect(moved).toEqual([
      [1, 0],
      [1, 0],
      [1, 1],
      [1, 1],
    ]);
    const sums = await read('delivery_delay_seconds_sum');
    for (const sum of sums) expect(sum).toBeLessThan(1);
    const published = await fetch(`${two.operationsUrl}/v1/publish`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ everyone: true, event: 'x', data: 1 }),
    });
    expect(published.status).toBe(202);
    const [publishedBefore = []] = before;
    expect(await read('messages_published_total')).toEqual(
      publishedBefore.map((count) => count + 1),
    );
  });

  it('counts what Engine.IO refuses, by code', async () => {
    const { url, operationsUrl } = await startApp();
    const answers = await Promise.all(
      [
        'EIO=4&transport=polling&sid=of-another-replica',
        'EIO=4&transport=polling&sid=of-another-replica',
        'EIO=4&transport=carrier-pigeon',
        'EIO=3&transport=polling',
      ].map((query) => fetch(`${url}/socket.io/?${query}`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    const origin = { Origin: 'https://elsewhere.example' };
    const path = `${url}/socket.io/?EIO=4&transport=polling`;
    expect((await fetch(path, { headers: origin })).status).toBe(403);
    expect(await samples(operationsUrl, 'engine_refusals_total')).toEqual({
      'code="unknown_transport"': 1,
      'code="unknown_session"': 2,
      'code="bad_handshake_method"': 0,
      'code="bad_request"': 0,
      'code="forbidden"': 1,
      'code="unsupported_protocol"': 1,
    });
  });

  it('tells what Redis says of itself', async () => {
    const { url } = await startRedis();
    const { operationsUrl } = await startApp({ REDIS_URL: url });
    const figure = async (name: string) => (await samples(operationsUrl, name))[''] ?? 0;
    await until('it has been read', async () => (await figure('redis_memory_bytes')) > 100_000);
    expect(await figure('redis_clients')).toBeGreaterThanOrEqual(3);
    expect(await figure('redis_memory_max_bytes')).toBe(0);
    const commands = async () => (await figure('redis_commands_per_second')) > 0;
    await until('commands are counted', commands);
  });
});
