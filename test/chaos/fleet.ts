// Three pods and a Redis as real processes, each with what can be done to it, one thing at a time.
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, launchRedis, launchService, untilReady } from '../harness/processes.ts';
import type { Disturbance } from './history.ts';

export type Fleet = Awaited<ReturnType<typeof startFleet>>;
export type Pod = Awaited<ReturnType<typeof startPod>>;

/** Marks the time in which something was broken. */
type Disturb = (what: string) => Disturbance;

export async function startFleet(disturb: Disturb, now: () => number, env: object = {}) {
  // With everysec a slow disk holds writes back, and what was acknowledged dies with the process.
  const redis = await launchRedis({ appendfsync: 'no' });
  const variables = {
    REDIS_URL: redis.url,
    EVENTS_PER_SECOND_MAX: '100000',
    LOG_LEVEL: 'warn',
    ...env,
  };
  const broken = async (what: string, work: () => Promise<void>) => {
    const disturbance = disturb(what);
    try {
      await work();
    } finally {
      disturbance.to = now();
    }
  };
  const starting = [0, 1, 2].map((i) => startPod(`pod-${i}`, variables, broken));
  const pods = await Promise.all(starting);
  const redisQueue = createQueue();
  const stop = () => {
    process.off('exit', stop);
    for (const pod of pods) pod.end();
    redis.stop();
  };
  process.on('exit', stop); // whatever ends the harness, nothing of it stays
  return {
    redis,
    pods,
    killRedis: (downMs: number) =>
      redisQueue.add(() =>
        broken('Redis killed', async () => {
          await redis.kill();
          await sleep(downMs);
          await redis.start();
        }),
      ),
    /** Resolves when everything that was done is done, and all pods are ready. */
    async settled() {
      await Promise.all([redisQueue.idle(), ...pods.map((pod) => pod.idle())]);
    },
    stop,
  };
}

async function startPod(
  name: string,
  variables: Record<string, string>,
  broken: (what: string, work: () => Promise<void>) => Promise<void>,
) {
  const ports = { PORT: String(await freePort()), OPERATIONS_PORT: String(await freePort()) };
  const queue = createQueue();
  const launch = async () => {
    const started = await launchService({ ...variables, ...ports, POD_NAME: name });
    await untilReady(started.operationsUrl);
    return started;
  };
  let service = await launch();
  const outputs: (() => string)[] = [service.output];
  const restart = (signal: 'SIGKILL' | 'SIGTERM', downMs: number) => {
    if (signal === 'SIGKILL' && queue.size() === 0) service.child.kill(signal); // not a tick later
    return queue.add(() =>
      broken(`${name} ${signal}`, async () => {
        service.child.kill(signal);
        await service.exited;
        await sleep(downMs);
        service = await launch();
        outputs.push(service.output);
      }),
    );
  };
  return {
    name,
    port: Number(ports.PORT),
    operationsUrl: service.operationsUrl,
    kill: (downMs: number) => restart('SIGKILL', downMs),
    terminate: (downMs: number) => restart('SIGTERM', downMs),
    freeze: (frozenMs: number) =>
      queue.add(() =>
        broken(`${name} frozen`, async () => {
          service.child.kill('SIGSTOP');
          await sleep(frozenMs);
          service.child.kill('SIGCONT');
        }),
      ),
    output: () => outputs.map((output) => output()).join(''),
    idle: queue.idle,
    end: () => void service.child.kill('SIGKILL'),
  };
}

/** Work that is done one after the other. */
export function createQueue() {
  let last: Promise<unknown> = Promise.resolve();
  let size = 0;
  return {
    size: () => size,
    idle: () => last,
    add(work: () => Promise<unknown>): Promise<void> {
      size += 1;
      const done = last.then(async () => {
        try {
          await work();
        } finally {
          size -= 1;
        }
      });
      last = done;
      return done;
    },
  };
}
