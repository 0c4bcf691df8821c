// Pods and Redis as real processes, with the faults that can be injected.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildClocks } from '../harness/clock.ts';
import { launchRedis, launchService, untilReady } from '../harness/processes.ts';
import type { Disturb } from './history.ts';
import { type Broken, createQueue, type Pod, startPod } from './pod.ts';

export type Fleet = Awaited<ReturnType<typeof startFleet>>;

const readyMsMax = 120_000; // for a busy machine
/** A step of Redis's clock beyond this makes it forget sessions that wait, and leases. */
const expiresMs = 60_000;

/** @param build the folder of the build that all pods start with */
export async function startFleet(
  disturb: Disturb,
  env: Record<string, string> = {},
  { build = process.cwd(), size = 3 } = {},
) {
  const clocks = buildClocks();
  const redisClock = clocks?.create('redis');
  const redis = await launchRedis({}, redisClock?.env);
  const variables = {
    APPLICATION: 'test/chaos/application.ts',
    EVENTS_PER_SECOND_MAX: '100000',
    PACKETS_PER_SECOND_MAX: '100000',
    LOG_LEVEL: 'warn',
    RECOVERY_MS_MAX: '900000', // longer than a run, on a busy machine too
    CHAOS_PING_MS: '1500', // missing pings are noticed after 4.5 s instead of 45 s
    ...env,
  };
  const broken: Broken = async (what, work) => {
    const over = disturb(what);
    await work().finally(over);
  };
  const running = new Set<ChildProcess>();
  const pods: Pod[] = [];
  let stopped = false;
  const stop = () => {
    stopped = true;
    process.off('exit', stop);
    for (const child of running) child.kill('SIGKILL');
    for (const pod of pods) pod.close();
    redis.stop();
    clocks?.remove();
  };
  process.on('exit', stop); // leave no process behind, however the harness ends
  const start = async (env: Record<string, string>, folder: string) => {
    const service = await launchService({ ...variables, ...env }, [], folder);
    if (stopped) service.child.kill('SIGKILL');
    running.add(service.child);
    void service.exited.then(() => running.delete(service.child));
    await untilReady(service.operationsUrl, readyMsMax).catch((error: Error) => {
      throw new Error(`${error.message}; ${env.POD_NAME} said: ${service.output()}`);
    });
    return service;
  };
  const starting = Array.from({ length: size }, (_, i) => {
    const name = `pod-${i}`;
    const clock = clocks?.create(name);
    return startPod({ name, redisPort: redis.port, build, clock, start, broken });
  });
  pods.push(
    ...(await Promise.all(starting).catch((error) => {
      stop();
      throw error;
    })),
  );
  const redisQueue = createQueue();
  const breakRedis = (what: string, work: () => Promise<unknown>) =>
    redisQueue.add(() => broken(what, work));
  return {
    redis,
    pods,
    killRedis: (downMs: number) =>
      breakRedis('Redis killed', async () => {
        await redis.kill();
        await sleep(downMs);
        await redis.start();
      }),
    freezeRedis: (ms: number) =>
      breakRedis('Redis frozen', async () => {
        redis.signal('SIGSTOP');
        await sleep(ms);
        redis.signal('SIGCONT');
      }),
    /** Everything between pods and Redis takes so long in each direction. */
    slowRedis: (delayMs: number, ms: number) =>
      breakRedis(`Redis slowed down by ${delayMs} ms`, async () => {
        for (const pod of pods) pod.delayRedis(delayMs);
        await sleep(ms);
        for (const pod of pods) pod.delayRedis(0);
      }),
    async stepRedisClock(ms: number) {
      if (!redisClock) return;
      const over = disturb(`Redis: clock set by ${ms} ms`, { forgets: ms > expiresMs });
      redisClock.step(ms);
      over();
    },
    /** Resolves when all faults are over and all pods are ready. */
    async settled() {
      await Promise.all([redisQueue.idle(), ...pods.map((pod) => pod.idle())]);
    },
    stop,
  };
}
