// Pods and Redis as real processes, with the faults that can be injected, one at a time.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, launchRedis, launchService, untilReady } from '../harness/processes.ts';

export type Fleet = Awaited<ReturnType<typeof startFleet>>;
export type Pod = Awaited<ReturnType<typeof startPod>>;

const readyMsMax = 60_000; // for a busy machine

/** Marks a fault; the returned function ends it. */
type Disturb = (what: string) => () => void;

/** @param build the folder of the build that all pods start with */
export async function startFleet(
  disturb: Disturb,
  env: Record<string, string> = {},
  { build = process.cwd(), size = 3 } = {},
) {
  const redis = await launchRedis();
  const variables = {
    REDIS_URL: redis.url,
    APPLICATION: 'test/chaos/application.ts',
    EVENTS_PER_SECOND_MAX: '100000',
    LOG_LEVEL: 'warn',
    CHAOS_PING_MS: '1500', // missing pings are noticed after 4.5 s instead of 45 s
    ...env,
  };
  const broken = async (what: string, work: () => Promise<void>) => {
    const over = disturb(what);
    await work().finally(over);
  };
  const running = new Set<ChildProcess>();
  let stopped = false;
  const stop = () => {
    stopped = true;
    process.off('exit', stop);
    for (const child of running) child.kill('SIGKILL');
    redis.stop();
  };
  process.on('exit', stop); // leave no process behind, however the harness ends
  const launch: Launch = async (env, folder) => {
    const service = await launchService({ ...variables, ...env }, [], folder);
    if (stopped) service.child.kill('SIGKILL');
    running.add(service.child);
    void service.exited.then(() => running.delete(service.child));
    await untilReady(service.operationsUrl, readyMsMax).catch((error: Error) => {
      throw new Error(`${error.message}; ${env.POD_NAME} said: ${service.output()}`);
    });
    return service;
  };
  const starting = Array.from({ length: size }, (_, i) =>
    startPod(`pod-${i}`, launch, broken, build),
  );
  const pods = await Promise.all(starting).catch((error) => {
    stop();
    throw error;
  });
  const redisQueue = createQueue();
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
    /** Resolves when all faults are over and all pods are ready. */
    async settled() {
      await Promise.all([redisQueue.idle(), ...pods.map((pod) => pod.idle())]);
    },
    stop,
  };
}

type Launch = (env: Record<string, string>, folder: string) => ReturnType<typeof launchService>;

async function startPod(
  name: string,
  start: Launch,
  broken: (what: string, work: () => Promise<void>) => Promise<void>,
  build: string,
) {
  const ports = { PORT: String(await freePort()), OPERATIONS_PORT: String(await freePort()) };
  const queue = createQueue();
  let folder = build;
  const launch = () => start({ ...ports, POD_NAME: name }, folder);
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
    /** Ends it as in a rollout, and starts another build. */
    replace(build: string) {
      folder = build;
      return restart('SIGTERM', 0);
    },
    freeze: (thawed: () => Promise<unknown>) =>
      queue.add(() =>
        broken(`${name} frozen`, async () => {
          service.child.kill('SIGSTOP');
          await thawed();
          service.child.kill('SIGCONT');
        }),
      ),
    output: () => outputs.map((output) => output()).join(''),
    idle: queue.idle,
  };
}

/** Runs tasks one after the other. */
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
