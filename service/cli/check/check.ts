// `mooring check`: tests from the outside everything that clients rely on.
import { returnToPod } from './affinity.ts';
import { judgeCookies, keptCookies } from './cookie.ts';
import { fails, holds, type Result, skipped } from './finding.ts';
import { type Handshake, shakeHands } from './handshake.ts';
import { stayIdle } from './idle.ts';
import { checkIngress } from './ingress.ts';
import { exchange } from './message.ts';
import type { CheckOptions } from './options.ts';
import { tryCrossOrigin, tryPage } from './origin.ts';
import { openPair } from './pair.ts';
import { cutAndRecover } from './recovery.ts';
import { tryInvalidTokens } from './refusal.ts';
import { cookieHeader } from './request.ts';
import type { CheckTarget } from './target.ts';
import { type Mode, transportsOf, tryTransport } from './transports.ts';

export interface Report {
  target: CheckTarget;
  /** Whether no check failed. */
  ok: boolean;
  /** The pods that were reached. */
  pods: string[];
  results: Result[];
}

/** The first one that works also carries the checks that do not depend on the transport. */
const modes: Mode[] = ['websocket', 'upgrade', 'polling'];

/** Findings are part of the report; they never reject. */
export async function runCheck(options: CheckOptions): Promise<Report> {
  const { ingress } = options;
  const [seen, inCluster] = await Promise.all([
    checkUrl(options),
    ingress ? checkIngress(ingress) : [],
  ]);
  const ok = seen.ok && inCluster.every(({ state }) => state !== 'fails');
  return { ...seen, ok, results: [...seen.results, ...inCluster] };
}

/** What a client sees. */
async function checkUrl(options: CheckOptions): Promise<Report> {
  const { target, tokens, times } = options;
  const handshake = await shakeHands(target);
  if ('finding' in handshake) {
    return report(target, [fails('handshake', handshake.finding, handshake.detail)]);
  }
  const results = [describe(handshake)];
  const pods = new Set<string>();
  for (const mode of modes) {
    if (options.websocketOnly && mode !== 'websocket') {
      results.push(skipped(mode, '--websocket-only'));
      continue;
    }
    const tried = await tryTransport(target, mode, tokens.first, times);
    results.push(tried.result);
    for (const pod of tried.pods) pods.add(pod);
    const { finding } = tried.result;
    if (finding === 'token_refused' || finding === 'not_mooring') return report(target, results);
  }
  results.push(judgeCookies(handshake.setCookies, target));
  results.push(await tryPage(target));
  results.push(await tryCrossOrigin(target, options.origin, handshake.setCookies));
  const working = modes.filter((mode) =>
    results.some((r) => r.name === mode && r.state === 'holds'),
  );
  const [best] = working;
  if (best) results.push(...(await checkSessions(options, best, working, handshake, pods)));
  return report(target, results, pods);
}

/** The checks that need a working transport. */
async function checkSessions(
  options: CheckOptions,
  best: Mode,
  working: Mode[],
  { pingIntervalMs, setCookies }: Handshake,
  pods: Set<string>,
): Promise<Result[]> {
  const { target, tokens, quick } = options;
  const transports = transportsOf(best);
  const { first } = tokens;
  const idle = quick
    ? [skipped('idle', `--quick: would take ${(2 * pingIntervalMs) / 1000} s`)]
    : working
        .filter((mode) => mode !== 'upgrade')
        .map((mode) => stayIdle(target, mode, first, pingIntervalMs));
  return [
    await returnToPod(target, transports, first, cookieHeader(keptCookies(setCookies, target))),
    ...(await checkMessages(options, best, pods)),
    await tryInvalidTokens(target, transports, tokens),
    ...(await Promise.all(idle)), // started first, so that the other checks run meanwhile
  ];
}

async function checkMessages(
  options: CheckOptions,
  mode: Mode,
  pods: Set<string>,
): Promise<Result[]> {
  const { target, others, podsMin } = options;
  const transports = transportsOf(mode);
  const targets = [target, ...others];
  const pair = await openPair({ ...options, targets, transports, podsSeen: pods.size });
  if ('finding' in pair) return [fails('message', pair.finding, pair.detail)];
  if ('denied' in pair) {
    return [skipped('message', pair.denied), skipped('recovery', pair.denied)];
  }
  try {
    for (const { pod } of [pair.first, pair.second]) pods.add(pod);
    const message = await exchange(pair, podsMin);
    if (message.state === 'fails' && message.finding !== 'few_pods') {
      return [message, skipped('recovery', 'messages are not delivered')];
    }
    if (mode !== 'websocket') return [message, skipped('recovery', 'needs a WebSocket')];
    return [message, await cutAndRecover(pair)];
  } finally {
    await pair.close();
  }
}

function describe({ pingIntervalMs, pingTimeoutMs, tookMs }: Handshake): Result {
  const [every, limit] = [pingIntervalMs / 1000, pingTimeoutMs / 1000];
  const text = `Engine.IO in ${tookMs.toFixed(0)} ms, ping interval ${every} s, timeout ${limit} s`;
  return holds('handshake', text);
}

const names = [
  'handshake',
  ...modes,
  'cookie',
  'page',
  'cross-origin',
  'affinity',
  'message',
  'recovery',
  'refusal',
  'idle',
];

export const notRun = 'not run';

/** Checks that did not run are reported as skipped. */
function report(target: CheckTarget, found: Result[], pods = new Set<string>()): Report {
  const missing = names.filter((name) => !found.some((r) => r.name.split(' ')[0] === name));
  const results = [...found, ...missing.map((name) => skipped(name, notRun))];
  const ok = results.every(({ state }) => state !== 'fails');
  return { target, ok, pods: [...pods].sort(), results };
}
