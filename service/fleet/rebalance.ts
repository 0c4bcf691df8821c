// Rebalancing, decided from the heartbeats of all processes: a process yields to a newer generation
// and sheds connections to peers that have fewer. Pure: no clock, no Redis.
import type { HandshakeRefusal } from '../protocol/refusals.ts';
import type { Replica } from '../stores/fleet.ts';

export interface RebalanceDecision {
  /** Why new handshakes are refused, if they are. */
  refuse?: Extract<HandshakeRefusal, 'yielding' | 'shedding'>;
  /** Connections to close within the next second; Infinity: all, at the pace of a drain. */
  close: number;
}

export interface RebalanceSettings {
  /** Milliseconds after which every proxy knows about a process that became ready. */
  settleMs: number;
  /** Whether connections move to peers that have fewer. */
  rebalance: boolean;
  /** Whether a process yields to newer releases. */
  yields: boolean;
}

const peakMs = 8_000; // the current total misses clients that are reconnecting
const shedAbove = 1.15; // relative to the mean
const shedTo = 1.03;
const shedMin = 5; // moving fewer is not worth the reconnects
const shedMsAfter = 8_000;
const refuseAbove = 0.97; // below its share a process accepts every client
const closesPerSecondMin = 20;
const closesPerSecondShare = 0.01;

export const isSettled = ({ ready, draining, readyMs }: Replica, settleMs: number): boolean =>
  ready && !draining && readyMs >= settleMs;

/**
 * The peers that can accept what this process refuses: settled, not replaced by newer ones (those
 * yield themselves), and not behind the same port, where a proxy would not retry.
 */
export function eligiblePeersOf(
  own: Replica,
  others: Replica[],
  { settleMs, yields }: Pick<RebalanceSettings, 'settleMs' | 'yields'>,
): Replica[] {
  const all = [own, ...others];
  const settled = all.filter((replica) => isSettled(replica, settleMs));
  return settled.filter(
    ({ upstream, generation }) =>
      upstream !== own.upstream && !(yields && isReplaced(generation, settled, all)),
  );
}

/** Whether there are as many settled processes of newer generations as there are of this one. */
function isReplaced(generation: number, settled: Replica[], all: Replica[]): boolean {
  const newer = settled.filter((replica) => replica.generation > generation);
  const same = all.filter((one) => one.generation === generation && one.ready && !one.draining);
  return newer.length >= Math.max(1, same.length);
}

/**
 * Whether clients of processes that newer ones replace are on their way, and newer ones still have
 * fewer than their share: else such a client would be moved again when the next process ends.
 */
function isTakingOver(newer: Replica[], older: Replica[]): boolean {
  const draining = older.filter((one) => one.draining);
  const totalOf = (some: Replica[]) => some.reduce((sum, { connections }) => sum + connections, 0);
  const processes = newer.length + older.length - draining.length;
  const mean = (totalOf(newer) + totalOf(older)) / processes;
  return totalOf(draining) > 0 && totalOf(newer) < mean * newer.length;
}

/** Call the returned function about once a second, with the time in milliseconds. */
export function createRebalance({ settleMs, rebalance, yields }: RebalanceSettings) {
  let totals: { at: number; total: number }[] = [];
  let shedUntil = 0;
  let before = 0; // own connections a second ago

  return (own: Replica, others: Replica[], now: number): RebalanceDecision => {
    // Heartbeats are up to a second old. While clients stream in, every process would see itself
    // ahead of its peers and all would refuse at once. So compare with an equally old own count.
    const held = Math.min(own.connections, before);
    before = own.connections;
    const same = others.filter((o) => o.generation === own.generation && o.ready && !o.draining);
    const connections = [own, ...same].map((replica) => replica.connections);
    const total = connections.reduce((sum, n) => sum + n, 0);
    totals = [...totals.filter(({ at }) => at > now - peakMs), { at: now, total }];

    const settled = others.filter((other) => isSettled(other, settleMs));
    const newer = settled.filter(({ generation }) => generation > own.generation);
    if (yields && newer.length > 0) {
      // Otherwise they may be canaries, and proxies spread new clients over all processes.
      if (newer.length >= connections.length) return { refuse: 'yielding', close: Infinity };
      const older = [own, ...others].filter(({ generation }) => generation <= own.generation);
      if (isTakingOver(newer, older)) return { refuse: 'yielding', close: 0 };
    }
    if (!rebalance || own.draining) return { close: 0 };

    const mean = Math.max(...totals.map((past) => past.total)) / connections.length;
    const hasRoom = settled.some((other) => same.includes(other) && other.connections < mean);
    const excess = held - mean * shedTo;
    const above = held > mean * shedAbove && excess >= shedMin;
    const shedding = hasRoom && excess >= 1 && (above || now < shedUntil);
    if (shedding) shedUntil = now + shedMsAfter;
    // Clients of older processes are still to arrive: they even it out, and nobody moves twice.
    const rolling = others.some((o) => o.generation < own.generation && o.connections > 0);
    const perSecond = Math.max(closesPerSecondMin, own.connections * closesPerSecondShare);
    const hasItsShare = held >= mean * refuseAbove;
    return {
      ...(hasRoom && hasItsShare && now < shedUntil && { refuse: 'shedding' as const }),
      close: shedding && !rolling ? Math.ceil(Math.min(excess, perSecond)) : 0,
    };
  };
}

/** Everything that decides whether a handshake is accepted. */
export interface Situation {
  phase: 'starting' | 'running' | 'draining';
  /** Draining, and the endpoint delay is over. */
  closing: boolean;
  full: boolean;
  overloaded: boolean;
  /** This process receives no messages, and its peers do. */
  behind: boolean;
  /** Whether an eligible peer exists; `undefined`: unknown. */
  elsewhere: boolean | undefined;
  rebalance: RebalanceDecision['refuse'];
  /** Over the limit of handshakes per second, and peers have room for this one. */
  storm: boolean;
}

/**
 * Why a handshake is answered with 503. With no eligible peer, only reasons that cannot be avoided
 * count: when every upstream refuses, the proxy makes clients wait for its timeouts.
 */
export function refusalOf(situation: Situation): HandshakeRefusal | undefined {
  const { phase, closing, full, overloaded, behind, elsewhere, rebalance, storm } = situation;
  if (phase === 'starting') return 'starting';
  if (phase === 'draining' && (closing || elsewhere !== false)) return 'draining';
  if (full) return 'over_capacity';
  if (overloaded) return 'overloaded';
  if (behind) return 'behind';
  if (elsewhere === false) return undefined;
  return rebalance ?? (storm && elsewhere ? 'storm' : undefined);
}
