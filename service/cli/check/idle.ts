// Checks that no proxy closes an idle connection.
import { type CheckClient, openClient, request } from './client.ts';
import { fails, holds, type Result } from './finding.ts';
import type { CheckTarget } from './target.ts';
import { type Mode, transportsOf } from './transports.ts';

const marginMs = 1_000;

/** Takes two ping intervals. */
export async function stayIdle(
  target: CheckTarget,
  mode: Mode,
  token: string,
  pingIntervalMs: number,
): Promise<Result> {
  const name = `idle ${mode}`;
  const client = await openClient(target, { transports: transportsOf(mode), token });
  if ('finding' in client) return fails(name, client.finding, client.detail);
  try {
    const startedAt = performance.now();
    let pings = 0;
    client.socket.io.on('ping', () => {
      pings += 1;
    });
    const idleMs = 2 * pingIntervalMs + marginMs;
    const reason = await disconnectWithin(client, idleMs);
    const seconds = `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
    if (reason) return fails(name, 'idle_cut', `closed after ${seconds}: ${reason}`);
    const reply = await request(client.socket, 'refresh_token', token);
    if (!reply?.ok) return fails(name, 'idle_cut', `no answer after ${seconds} idle`);
    return holds(name, `still open after ${seconds} and ${pings} pings`);
  } finally {
    client.socket.disconnect();
  }
}

/** The reason of a disconnect within this time, if there is one. */
function disconnectWithin({ socket }: CheckClient, msMax: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, msMax, undefined);
    socket.once('disconnect', (reason) => {
      clearTimeout(timer);
      resolve(reason);
    });
  });
}
