// A pod as a real process, with a link of its own to Redis, and the faults that can be injected.
// Those of the process wait for each other, and so do those of the link.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../harness/clock.ts';
import { freePort, type launchService } from '../harness/processes.ts';
import { type LinkFault, openLink } from './link.ts';

export type Pod = Awaited<ReturnType<typeof startPod>>;

/** Runs the work as a fault with this name. */
export type Broken = (what: string, work: () => Promise<unknown>) => Promise<void>;

interface Options {
  name: string;
  redisPort: number;
  /** The folder of the build that it runs. */
  build: string;
  clock: Clock | undefined;
  start: (env: Record<string, string>, folder: string) => ReturnType<typeof launchService>;
  broken: Broken;
}

export async function startPod({ name, redisPort, build, clock, start, broken }: Options) {
  const link = await openLink(redisPort);
  const env = {
    PORT: String(await freePort()),
    OPERATIONS_PORT: String(await freePort()),
    POD_NAME: name,
    REDIS_URL: `redis://127.0.0.1:${link.port}`,
    ...clock?.env,
  };
  const queue = createQueue();
  const linkQueue = createQueue();
  let folder = build;
  const launch = () => start(env, folder);
  let service = await launch();
  const outputs: (() => string)[] = [service.output];
  const restart = (signal: 'SIGKILL' | 'SIGTERM', downMs: number, to = '') => {
    if (signal === 'SIGKILL' && queue.size() === 0) service.child.kill(signal); // not a tick later
    return queue.add(() =>
      broken(`${name} ${signal}${to}`, async () => {
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
    port: Number(env.PORT),
    operationsUrl: service.operationsUrl,
    kill: (downMs: number) => restart('SIGKILL', downMs),
    terminate: (downMs: number) => restart('SIGTERM', downMs),
    build: () => folder,
    /** Ends it as in a rollout, and starts another build. */
    replace(build: string) {
      folder = build;
      return restart('SIGTERM', 0, `, then ${build}`);
    },
    freeze: (thawed: () => Promise<unknown>) =>
      queue.add(() =>
        broken(`${name} frozen`, async () => {
          service.child.kill('SIGSTOP');
          await thawed();
          service.child.kill('SIGCONT');
        }),
      ),
    /** Its connections to Redis break in this way, and recover. */
    partition: (how: LinkFault, ms: number) =>
      linkQueue.add(() =>
        broken(`${name}: link to Redis ${how}`, async () => {
          link.break(how);
          await sleep(ms);
          link.mend();
        }),
      ),
    delayRedis: link.delay,
    stepClock: (ms: number) =>
      broken(`${name}: clock set by ${ms} ms`, async () => clock?.step(ms)),
    output: () => outputs.map((output) => output()).join(''),
    idle: () => Promise.all([queue.idle(), linkQueue.idle()]),
    close: link.close,
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
