// Checks that a returning client reaches the same pod.
import { openClient, type Transport } from './client.ts';
import { fails, holds, type Result, skipped } from './finding.ts';
import type { CheckTarget } from './target.ts';

const returnsMax = 5;

/** @param cookie the affinity cookie, as a browser would send it back */
export async function returnToPod(
  target: CheckTarget,
  transports: Transport[],
  token: string,
  cookie: string,
): Promise<Result> {
  const name = 'affinity';
  const pods: string[] = [];
  for (let count = 0; count < returnsMax; count += 1) {
    const client = await openClient(target, { transports, token, cookie });
    if ('finding' in client) return fails(name, client.finding, client.detail);
    pods.push(client.pod);
    client.socket.disconnect();
  }
  const [first, ...others] = new Set(pods);
  const by = cookie ? `by cookie ${cookie.replace(/=.*/s, '')}` : 'without a cookie';
  if (others.length === 0)
    return holds(name, `${returnsMax} of ${returnsMax} reached ${first}, ${by}`);
  const seen = `${returnsMax} returns reached ${others.length + 1} pods, ${by}`;
  if (cookie) return fails(name, 'cookie_ignored', seen);
  const plain = transports.length === 1 && transports[0] === 'websocket';
  return plain
    ? skipped(name, `${seen}: acceptable for WebSockets`)
    : fails(name, 'no_affinity', seen);
}
