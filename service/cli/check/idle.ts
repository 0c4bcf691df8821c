// Whether a connection that says nothing is left alone by everything on the way.
import { type Client, openClient, request } from './client.ts';
import type { Door } from './door.ts';
import { fails, holds, type Result } from './finding.ts';
import { transportsOf, type Way } from './transports.ts';

const marginMs = 1_000;

/** Takes two ping intervals. */
export async function stayIdle(
  door: Door,
  way: Way,
  token: string,
  pingIntervalMs: number,
): Promise<Result> {
  const name = `idle ${way}`;
  const client = await openClient(door, { transports: transportsOf(way), token });
  if ('finding' in client) return fails(name, client.finding, client.detail);
  try {
    const startedAt = performance.now();
    let pings = 0;
    client.socket.io.on('ping', () => {
      pings += 1;
    });
    const idleMs = 2 * pingIntervalMs + marginMs;
    const reason = await cutWithin(client, idleMs);
    const seconds = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    if (reason) return fails(name, 'idle_cut', `cut after ${seconds}: ${reason}`);
    const reply = await request(client.socket, 'refresh_token', token);
    if (!reply?.ok) return fails(name, 'idle_cut', `no answer after ${seconds}`);
    return holds(name, `alive after ${seconds} and ${pings} pings`);
  } finally {
    client.socket.disconnect();
  }
}

/** The reason of a disconnect within this time. */
function cutWithin({ socket }: Client, msMax: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, msMax, undefined);
    socket.once('disconnect', (reason) => {
      clearTimeout(timer);
      resolve(reason);
    });
  });
}
