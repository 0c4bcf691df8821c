// Publishes through clients, and records calls and answers.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosClient } from './client.ts';
import type { History, Publish } from './history.ts';

export type Publishing = ReturnType<typeof createPublishing>;

export function createPublishing({ publishes }: History, now: () => number) {
  const publish = async (
    through: ChaosClient,
    form: Pick<Publish, 'kind' | 'rooms'> & Partial<Publish>,
  ): Promise<Publish> => {
    const n = publishes.size + 1;
    const record: Publish = { n, except: [], ...form, called: now() };
    publishes.set(n, record);
    const { kind, except, target } = record;
    const [event, request] =
      kind === 'direct'
        ? ['direct', { n, sid: target }]
        : kind === 'question'
          ? ['ask', { n, room: form.rooms[0] }]
          : ['publish', { n, rooms: form.rooms, except, volatile: kind === 'volatile' }];
    const reply = await through.request(event as string, request);
    if (reply.ok === true) record.acknowledged = now();
    if (reply.local === true) record.local = true;
    return record;
  };
  return {
    publish,
    /** Retries until it is acknowledged; resolves to its number. */
    async certainly(through: ChaosClient, rooms: readonly string[]): Promise<number> {
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const { n, acknowledged } = await publish(through, { kind: 'message', rooms });
        if (acknowledged !== undefined) return n;
        await sleep(200);
      }
      throw new Error('no publish is acknowledged although everything is healthy again');
    },
  };
}
