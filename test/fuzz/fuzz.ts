// Attacks a real service for some time, and judges it by an honest client and what is left behind.

import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { io } from 'socket.io-client';
import { seeded } from '../chaos/random.ts';
import { launchRedis, launchService, tokenFor, until, untilReady } from '../harness/processes.ts';
import { attacks, Violation } from './attacks.ts';

const parallel = 8;
const handlesMore = 5; // than at the start, once all connections are closed

interface Options {
  seed: number;
  seconds: number;
}

/** Resolves to the number of attacks of each kind. Rejects with the first violation. */
export async function fuzz({ seed, seconds }: Options): Promise<Record<string, number>> {
  const redis = await launchRedis();
  const service = await launchService({ REDIS_URL: redis.url });
  const { child, url, operationsUrl } = service;
  const honest = io(url, {
    auth: { token: tokenFor('honest', 86_400) },
    transports: ['websocket'],
  });
  const counts: Record<string, number> = {};
  let violation: unknown;
  try {
    await untilReady(operationsUrl);
    await honest.timeout(20_000).emitWithAck('join_room', 'honest');
    const before = handlesOf(child.pid);
    const end = performance.now() + 1_000 * seconds;
    const attack = async (own: number) => {
      const random = seeded(seed * parallel + own);
      while (performance.now() < end && !violation) {
        const [name, run] = random.pick(Object.entries(attacks));
        counts[name] = (counts[name] ?? 0) + 1;
        await run(service, random).catch((error: unknown) => {
          if (error instanceof Violation) violation ??= error;
        });
      }
    };
    const greet = async () => {
      while (performance.now() < end && !violation) {
        const text = { roomId: 'honest', text: 'still here' };
        const answer = await honest.timeout(10_000).emitWithAck('send_message', text);
        if (!answer.ok) throw new Violation(`an honest client gets ${answer.error.code}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    await Promise.all([greet(), ...Array.from({ length: parallel }, (_, own) => attack(own))]);
    if (violation) throw violation;
    if (child.exitCode !== null) throw new Violation(`the service ended: ${service.output()}`);
    const left = () => handlesOf(child.pid) - before;
    await until('connections are closed', () => left() <= handlesMore);
    return counts;
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  } finally {
    honest.disconnect();
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    redis.stop();
  }
}

/** Open file descriptors of a process. */
const handlesOf = (pid = 0) => readdirSync(`/proc/${pid}/fd`).length;
