// A door of Mooring, looked at from outside: everything a client relies on, tried once.
import { returnToPod } from './affinity.ts';
import { judgeCookies } from './cookie.ts';
import type { Door } from './door.ts';
import { fails, holds, type Result, skipped } from './finding.ts';
import { cookieHeader, type Handshake, shakeHands } from './handshake.ts';
import { stayIdle } from './idle.ts';
import { exchange } from './message.ts';
import type { CheckOptions } from './options.ts';
import { openPair } from './pair.ts';
import { cutAndRecover } from './recovery.ts';
import { offerWrongTokens } from './refusal.ts';
import { transportsOf, tryTransport, type Way } from './transports.ts';

export interface Report {
  door: Door;
  /** Whether nothing fails. */
  ok: boolean;
  /** The pods that were met. */
  pods: string[];
  results: Result[];
}

/** Order of trust: the first that holds carries what does not depend on the transport. */
const ways: Way[] = ['websocket', 'upgrade', 'polling'];

/** Never rejects because of what it finds. */
export async function runCheck(options: CheckOptions): Promise<Report> {
  const { door, tokens, times } = options;
  const handshake = await shakeHands(door);
  if ('finding' in handshake) {
    return report(door, [fails('handshake', handshake.finding, handshake.detail)]);
  }
  const results = [describe(handshake)];
  const pods = new Set<string>();
  for (const way of ways) {
    if (options.websocketOnly && way !== 'websocket') {
      results.push(skipped(way, '--websocket-only'));
      continue;
    }
    const tried = await tryTransport(door, way, tokens.first, times);
    results.push(tried.result);
    for (const pod of tried.pods) pods.add(pod);
    const { finding } = tried.result;
    if (finding === 'token_refused' || finding === 'not_mooring') return report(door, results);
  }
  results.push(judgeCookies(handshake.setCookies, door));
  const sound = ways.filter((way) => results.some((r) => r.name === way && r.state === 'holds'));
  const [best] = sound;
  if (best) results.push(...(await useDoor(options, best, sound, handshake, pods)));
  return report(door, results, pods);
}

/** What needs a transport that works. */
async function useDoor(
  options: CheckOptions,
  best: Way,
  sound: Way[],
  { pingIntervalMs, setCookies }: Handshake,
  pods: Set<string>,
): Promise<Result[]> {
  const { door, tokens, quick } = options;
  const transports = transportsOf(best);
  const { first } = tokens;
  const idle = quick
    ? [skipped('idle', `--quick: it takes ${(2 * pingIntervalMs) / 1000} s`)]
    : sound
        .filter((way) => way !== 'upgrade')
        .map((way) => stayIdle(door, way, first, pingIntervalMs));
  return [
    await returnToPod(door, transports, first, cookieHeader(setCookies)),
    ...(await talk(options, best, pods)),
    await offerWrongTokens(door, transports, tokens),
    ...(await Promise.all(idle)), // begun first: the others went on meanwhile
  ];
}

async function talk(options: CheckOptions, way: Way, pods: Set<string>): Promise<Result[]> {
  const { door, others, podsMin } = options;
  const transports = transportsOf(way);
  const doors = [door, ...others];
  const pair = await openPair({ ...options, doors, transports, podsSeen: pods.size });
  if ('finding' in pair) return [fails('message', pair.finding, pair.detail)];
  if ('denied' in pair) {
    return [skipped('message', pair.denied), skipped('recovery', pair.denied)];
  }
  try {
    for (const { pod } of [pair.first, pair.second]) pods.add(pod);
    const message = await exchange(pair, podsMin);
    if (message.state === 'fails' && message.finding !== 'few_pods') {
      return [message, skipped('recovery', 'messages do not arrive')];
    }
    if (way !== 'websocket') return [message, skipped('recovery', 'needs a WebSocket to cut')];
    return [message, await cutAndRecover(pair)];
  } finally {
    await pair.close();
  }
}

function describe({ pingIntervalMs, pingTimeoutMs, tookMs }: Handshake): Result {
  const [every, limit] = [pingIntervalMs / 1000, pingTimeoutMs / 1000];
  const text = `Engine.IO in ${tookMs.toFixed(0)} ms, pings every ${every} s and waits ${limit} s`;
  return holds('handshake', text);
}

const names = [
  'handshake',
  ...ways,
  'cookie',
  'affinity',
  'message',
  'recovery',
  'refusal',
  'idle',
];

export const notReached = 'not reached';

/** Whatever was not reached is skipped, and says so. */
function report(door: Door, found: Result[], pods = new Set<string>()): Report {
  const missing = names.filter((name) => !found.some((r) => r.name.split(' ')[0] === name));
  const results = [...found, ...missing.map((name) => skipped(name, notReached))];
  const ok = results.every(({ state }) => state !== 'fails');
  return { door, ok, pods: [...pods].sort(), results };
}
