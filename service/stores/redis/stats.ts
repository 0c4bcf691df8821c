// Reads the stats and the time of Redis every few seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../adapter/engine/redis/client.ts';
import type { Metrics, RedisStats } from '../../telemetry/metrics.ts';
import type { Clock } from './clock.ts';
import type { Redis } from './connection.ts';

const everyMs = 5_000;

/** Reports nothing if ACLs deny INFO. Connectivity is reported elsewhere. */
export function watchStats(redis: Redis, clock: Clock, metrics: Metrics): { close(): void } {
  const stop = new AbortController();
  const { signal } = stop;
  const watch = async () => {
    while (!signal.aborted) {
      await clock.set(() => redis.run(timeOf)).catch(() => {});
      await redis
        .run((client) => client.sendCommand(['INFO', 'memory', 'clients', 'stats']))
        .then((text) => metrics.redisSays(statsOf(String(text))))
        .catch(() => {});
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  void redis.ready().then(watch, () => {});
  return { close: () => stop.abort() };
}

async function timeOf(client: Client): Promise<number> {
  const [seconds, microseconds] = (await client.sendCommand(['TIME'])) as unknown as string[];
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

function statsOf(info: string): RedisStats {
  const stat = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    memoryBytes: stat('used_memory'),
    memoryBytesMax: stat('maxmemory'),
    clients: stat('connected_clients'),
    commandsPerSecond: stat('instantaneous_ops_per_sec'),
  };
}
