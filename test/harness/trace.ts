// A trace of one user, read through a replica as `mooring trace` reads it.

import type { z } from 'zod';
import type { readTraceEndpoint } from '../../service/api/traces.ts';
import type { TrailEvent } from '../../service/telemetry/trail/event.ts';
import { get, post } from './backend.ts';
import { until } from './service.ts';

type Read = z.output<typeof readTraceEndpoint.answer>;
type Wanted = Partial<TrailEvent>;

export const readTrace = async (operationsUrl: string, id: string, after = 0) => {
  const { status, body } = await get(operationsUrl, `traces/${id}?after=${after}`);
  return { status, ...(body as unknown as Read) };
};

/** @param processes resolves when so many follow the user */
export async function startTrace(operationsUrl: string, userId: string, processes: number) {
  const { status, body } = await post(operationsUrl, 'traces', { userId });
  if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
  const { id } = body as unknown as { id: string };
  const events: TrailEvent[] = [];
  let lost = 0;
  let after = 0;
  const read = async () => {
    const answer = await readTrace(operationsUrl, id, after);
    if (answer.status !== 200) throw new Error(`read ${answer.status}`);
    after = answer.next;
    lost += answer.lost;
    events.push(...answer.events);
  };
  const matching = (wanted: Wanted) =>
    events.filter((event) =>
      Object.entries(wanted).every(([name, value]) => event[name as keyof TrailEvent] === value),
    );
  /** The first events like it, when there are so many. */
  const told = async (wanted: Wanted, count = 1) => {
    await until(`${count} of ${JSON.stringify(wanted)}`, async () => {
      await read();
      return matching(wanted).length >= count;
    });
    return matching(wanted)[0] as TrailEvent;
  };
  await told({ type: 'following' }, processes);
  return { id, events, read, told, matching, lost: () => lost };
}
