// What a process does for the fleet, decided from what all say of each other: it yields to a newer
// generation and moves connections to processes that have fewer. Pure: no clock, no Redis.
import type { HandshakeRefusal } from '../protocol/refusals.ts';
import type { Replica } from '../stores/fleet.ts';

export interface Steering {
  /** Why new connections are sent elsewhere, if so. */
  refuse?: Extract<HandshakeRefusal, 'yielding' | 'shedding'>;
  /** How many connections to close within the next second; Infinity: all, at the drain's pace. */
  close: number;
}

export interface SteeringSettings {
  /** Milliseconds after which every proxy knows a process that has become ready. */
  settleMs: number;
  /** Whether connections move to processes that have fewer. */
  rebalance: boolean;
}

const peakMs = 8_000; // clients that are reconnecting are missing in the sum of now
const shedAbove = 1.15; // times the mean
const shedTo = 1.03;
const shedMin = 5; // fewer are not worth a reconnect
const shedMsAfter = 8_000;
const refuseAbove = 0.97; // whoever has less takes its clients itself
const closesPerSecondMin = 20;
const closesPerSecondShare = 0.01;

export const isSettled = ({ ready, draining, readyMs }: Replica, settleMs: number): boolean =>
  ready && !draining && readyMs >= settleMs;

/**
 * The others that take what this process refuses: proxies know them, and they do not yield
 * themselves, as older ones do to this one. None behind its own port: no proxy takes it there.
 */
export function takersOf(own: Replica, others: Replica[], settleMs: number): Replica[] {
  const settled = [own, ...others].filter((replica) => isSettled(replica, settleMs));
  const newest = Math.max(...settled.map(({ generation }) => generation));
  return settled.filter(
    ({ upstream, generation }) => upstream !== own.upstream && generation === newest,
  );
}

/** The returned function is to be asked about once a second, with a clock in milliseconds. */
export function createSteering({ settleMs, rebalance }: SteeringSettings) {
  let totals: { at: number; total: number }[] = [];
  let shedUntil = 0;
  let before = 0; // own connections a second ago

  return (own: Replica, others: Replica[], now: number): Steering => {
    // What others say is up to a second old. While clients stream in, each would see itself ahead
    // of all others, and all would refuse at once: so what counts of it is as old.
    const held = Math.min(own.connections, before);
    before = own.connections;
    const same = others.filter((o) => o.generation === own.generation && o.ready && !o.draining);
    const connections = [own, ...same].map((replica) => replica.connections);
    const total = connections.reduce((sum, n) => sum + n, 0);
    totals = [...totals.filter(({ at }) => at > now - peakMs), { at: now, total }];

    const settled = others.filter((other) => isSettled(other, settleMs));
    const newer = settled.filter(({ generation }) => generation > own.generation);
    if (newer.length > 0) {
      const complete = newer.length >= connections.length; // they replace all of these
      return { refuse: 'yielding', close: complete ? Infinity : 0 };
    }
    if (!rebalance || own.draining) return { close: 0 };

    const mean = Math.max(...totals.map((past) => past.total)) / connections.length;
    const takers = settled.some((other) => same.includes(other) && other.connections < mean);
    const excess = held - mean * shedTo;
    const above = held > mean * shedAbove && excess >= shedMin;
    const shedding = takers && excess >= 1 && (above || now < shedUntil);
    if (shedding) shedUntil = now + shedMsAfter;
    // Clients of older ones are still to come: they even it out, and nobody moves twice.
    const rolling = others.some((o) => o.generation < own.generation && o.connections > 0);
    const perSecond = Math.max(closesPerSecondMin, own.connections * closesPerSecondShare);
    const hasItsShare = held >= mean * refuseAbove;
    return {
      ...(takers && hasItsShare && now < shedUntil && { refuse: 'shedding' as const }),
      close: shedding && !rolling ? Math.ceil(Math.min(excess, perSecond)) : 0,
    };
  };
}

/** All that bears on whether a handshake is taken. */
export interface Situation {
  phase: 'starting' | 'running' | 'draining';
  /** Draining, and proxies have had time to learn of it. */
  closing: boolean;
  full: boolean;
  /** Whether a settled process could take it; `undefined`: not known. */
  elsewhere: boolean | undefined;
  steering: Steering['refuse'];
  /** More handshakes within a second than it is to take, and others have room for this one. */
  storm: boolean;
}

/**
 * Why a handshake gets a 503. As long as nobody else could take it, only what can't be helped
 * counts: a proxy whose every upstream refuses makes clients wait for its time-outs.
 */
export function refusalOf(situation: Situation): HandshakeRefusal | undefined {
  const { phase, closing, full, elsewhere, steering, storm } = situation;
  if (phase === 'starting') return 'starting';
  if (phase === 'draining' && (closing || elsewhere !== false)) return 'draining';
  if (full) return 'over_capacity';
  if (elsewhere === false) return undefined;
  return steering ?? (storm && elsewhere ? 'storm' : undefined);
}
