// What a run costs: samples of the pods, of Redis and of this process, once a second.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';

const everyMs = 1_000;
const scrapeMsMax = 10_000;

export interface Costs {
  /** The largest event loop lag (p99 of a second) of a pod, in milliseconds. */
  lagMs: number;
  /** The largest resident memory of a pod, in bytes. */
  podBytes: number;
  /** Cores, over the whole time. */
  podCores: number;
  redisBytes: number;
  redisCores: number;
  redisCommandsPerSecond: number;
  generatorCores: number;
  generatorBytes: number;
}

export type Meter = ReturnType<typeof startMeter>;

/** @param pods the operations ports */
export function startMeter(pods: string[], redisUrl: string) {
  const redis = createClient({ url: redisUrl, socket: { reconnectStrategy: () => 200 } });
  redis.on('error', () => {}); // it is killed now and then
  void redis.connect().catch(() => {});
  let running = true;
  let costs = nothing();
  let since = performance.now();
  let cpu = process.cpuUsage();
  const counters = { pods: counter(pods.length), redisCpu: counter(1), commands: counter(1) };

  const sample = async () => {
    const own = process.memoryUsage.rss();
    costs.generatorBytes = Math.max(costs.generatorBytes, own);
    const scraped = await Promise.all(pods.map(scrape));
    for (const [i, values] of scraped.entries()) {
      const of = (name: string) => values.get(name) ?? 0;
      costs.lagMs = Math.max(costs.lagMs, of('nodejs_eventloop_lag_p99_seconds') * 1_000);
      costs.podBytes = Math.max(costs.podBytes, of('process_resident_memory_bytes'));
      counters.pods.see(i, of('process_cpu_seconds_total'));
    }
    const info = redis.isReady ? await redis.info().catch(() => '') : '';
    const of = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
    costs.redisBytes = Math.max(costs.redisBytes, of('used_memory'));
    counters.redisCpu.see(0, of('used_cpu_sys') + of('used_cpu_user'));
    counters.commands.see(0, of('total_commands_processed'));
  };
  const run = async () => {
    while (running) await Promise.all([sleep(everyMs, undefined, { ref: false }), sample()]);
  };
  const ended = run();

  return {
    /** The costs since the last call. */
    take(): Costs {
      const seconds = (performance.now() - since) / 1_000;
      const { user, system } = process.cpuUsage(cpu);
      const taken = {
        ...costs,
        podCores: counters.pods.take() / seconds,
        redisCores: counters.redisCpu.take() / seconds,
        redisCommandsPerSecond: Math.round(counters.commands.take() / seconds),
        generatorCores: (user + system) / 1e6 / seconds,
      };
      costs = nothing();
      since = performance.now();
      cpu = process.cpuUsage();
      return taken;
    },
    /** CPU seconds of each pod: say more than a time where other programs run as well. */
    async podSeconds(): Promise<number[]> {
      const scraped = await Promise.all(pods.map(scrape));
      return scraped.map((values) => values.get('process_cpu_seconds_total') ?? 0);
    },
    async stop() {
      running = false;
      await ended;
      redis.destroy();
    },
  };
}

const nothing = (): Costs => ({
  lagMs: 0,
  podBytes: 0,
  podCores: 0,
  redisBytes: 0,
  redisCores: 0,
  redisCommandsPerSecond: 0,
  generatorCores: 0,
  generatorBytes: 0,
});

/** Sums up the increases of counters that begin again when their process restarts. */
function counter(size: number) {
  const last: number[] = Array.from({ length: size });
  let sum = 0;
  return {
    see(i: number, value: number) {
      const before = last[i];
      if (value === 0) return; // it did not answer
      if (before !== undefined) sum += value >= before ? value - before : value;
      last[i] = value;
    },
    take() {
      const taken = sum;
      sum = 0;
      return taken;
    },
  };
}

async function scrape(operationsUrl: string): Promise<Map<string, number>> {
  try {
    const signal = AbortSignal.timeout(scrapeMsMax);
    const text = await (await fetch(`${operationsUrl}/metrics`, { signal })).text();
    const lines = [...text.matchAll(/^(\w+) (\S+)$/gm)];
    return new Map(lines.map(([, name = '', value]) => [name, Number(value)]));
  } catch {
    return new Map(); // it is being killed or restarted
  }
}
