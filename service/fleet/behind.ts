// Notices that this process receives no messages while its peers do: it alone is cut off from
// Redis, or its catch-up does not end. Its clients are then better off on a peer. While no peer
// receives messages either, Redis is unavailable, and moving clients would be a reconnect storm for
// nothing.
import { networkInterfaces } from 'node:os';
import type { Config } from '../config/schema.ts';
import { startBackgroundLoop } from '../lib/background-loop.ts';
import type { Replica } from '../stores/fleet.ts';
import { shuffled } from './drain.ts';

const checkMs = 1_000;
const freshMsMax = 3_000; // older heartbeats do not say what peers receive now
const askedMax = 8; // a sample of a large fleet
const answerMsMax = 1_000;

interface Parts {
  /** Whether this process receives messages. */
  isLive(): boolean;
  /** The other processes as last known, and when they were read, by `performance.now()`. */
  peers(): { at: number; others: Replica[] } | undefined;
  behindMsMax: number;
  /** Called when it begins and when it is over. */
  changed(behind: boolean): void;
}

export function watchBehind({ isLive, peers, behindMsMax, changed }: Parts) {
  let known: Replica[] = [];
  let since: number | undefined; // since when peers have received what this process did not
  let behind = false;

  const peersAreLive = async (): Promise<boolean> => {
    const read = peers();
    if (read) known = read.others;
    const isFresh = read !== undefined && performance.now() - read.at < freshMsMax;
    const answers = isFresh ? known.map(({ live }) => live !== false) : await askPeers(known);
    const live = answers.filter(Boolean).length;
    return behind ? live > 0 : canTakeOver(live, answers.length);
  };
  const loop = startBackgroundLoop(Promise.resolve(), async () => {
    const lags = !isLive() && (await peersAreLive()) && !isLive();
    since = lags ? (since ?? performance.now()) : undefined;
    const before = behind;
    behind = since !== undefined && performance.now() - since >= behindMsMax;
    if (behind !== before) changed(behind);
    return checkMs;
  });
  return { isBehind: () => behind, close: loop.close };
}

/**
 * Whether live peers can take the clients of those that are not, this process included: a minority
 * would be overloaded.
 */
export const canTakeOver = (live: number, peers: number): boolean =>
  live > 0 && live >= peers + 1 - live;

/** Asks peers directly, because Redis is out of reach. */
async function askPeers(known: Replica[]): Promise<boolean[]> {
  const addresses = new Set(known.flatMap(({ operations }) => operations ?? []));
  return Promise.all(
    shuffled([...addresses])
      .slice(0, askedMax)
      .map(isLivePeer),
  );
}

async function isLivePeer(operations: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(answerMsMax);
    const response = await fetch(`http://${operations}/readyz`, { signal });
    return ((await response.json()) as { live?: boolean }).live === true;
  } catch {
    return false;
  }
}

/** Where peers reach the operations port; `undefined` if that is not known. */
export function operationsAddress({ host, operationsPort }: Config): string | undefined {
  const isWildcard = host === undefined || host === '::' || host === '0.0.0.0';
  const address = isWildcard ? outsideAddress() : host;
  if (!address || operationsPort === 0) return undefined;
  return `${address.includes(':') ? `[${address}]` : address}:${operationsPort}`;
}

function outsideAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address;
}
