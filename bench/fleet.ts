// One side of a comparison: Redis, pods with clients, and a publisher process.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import { type Redis, startRedis } from './redis.ts';

/** What is measured: one of two adapters, or all of Mooring. */
const files = { stock: 'server.ts', ours: 'server.ts', mooring: 'mooring.ts' };
export type Kind = keyof typeof files;

/** CPU time in microseconds. */
export interface Cost {
  redis: number;
  publisher: number;
  pods: number;
}

export interface Fleet<K = Kind> {
  kind: K;
  redis: Redis;
  publisher: Child;
  pods: Child[];
  ports: number[];
  /** CPU time of each part so far. */
  cost(): Promise<Cost>;
  stop(): Promise<void>;
}

const subscribeMs = 500; // the stock adapter does not report when it has subscribed

export async function startFleet<K extends Kind>(kind: K, size: number): Promise<Fleet<K>> {
  const redis = await startRedis();
  const start = () => startChild(files[kind], [kind, redis.url]);
  const [publisher, ...pods] = await Promise.all([start(), ...Array.from({ length: size }, start)]);
  await sleep(subscribeMs);
  return {
    kind,
    redis,
    publisher,
    pods,
    ports: await Promise.all(pods.map((pod) => pod.call<number>('port'))),
    async cost() {
      const each = await Promise.all(pods.map((pod) => pod.cpuMicros()));
      return {
        redis: await redis.cpuMicros(),
        publisher: await publisher.cpuMicros(),
        pods: each.reduce((sum, micros) => sum + micros, 0),
      };
    },
    async stop() {
      await Promise.all([publisher, ...pods].map((child) => child.stop()));
      await redis.stop();
    },
  };
}

export const parts = ['redis', 'publisher', 'pods'] as const;

export const mapCost = (of: (part: keyof Cost) => number): Cost => ({
  redis: of('redis'),
  publisher: of('publisher'),
  pods: of('pods'),
});

export const total = (cost: Cost) => parts.reduce((sum, part) => sum + cost[part], 0);
