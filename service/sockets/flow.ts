// How much a connection may send: packets and bytes per second, and within one event-loop turn.
// Plain data, one for each transport: it holds no closure and no timer.

const burstSeconds = 5;
const overMsMax = 30_000; // of sending as fast as it may
const turnPacketsMax = 100;
const turnBytesMax = 128 * 1024;

export interface FlowLimits {
  packetsPerSecondMax: number;
  bytesPerSecondMax: number;
  /** The largest packet: a burst of bytes may always contain one. */
  packetBytesMax: number;
}

export interface Flow {
  /** How many may still come. A negative number is a debt: nothing is read until it is paid. */
  packets: number;
  bytes: number;
  /** Milliseconds of the monotonic clock, as all times here. */
  filledAtMs: number;
  /** Since when it is at its limit; 0: it is not. */
  overSinceMs: number;
  /** The last event-loop turn in which something came, and how much. */
  turn: number;
  turnPackets: number;
  turnBytes: number;
}

export type Outcome = 'accept' | 'pause' | 'close';

export const packetsBurst = ({ packetsPerSecondMax }: FlowLimits) =>
  packetsPerSecondMax * burstSeconds;
export const bytesBurst = ({ bytesPerSecondMax, packetBytesMax }: FlowLimits) =>
  Math.max(bytesPerSecondMax * burstSeconds, packetBytesMax);

export function openFlow(limits: FlowLimits, nowMs: number): Flow {
  const full = { packets: packetsBurst(limits), bytes: bytesBurst(limits), filledAtMs: nowMs };
  return { ...full, overSinceMs: 0, turn: 0, turnPackets: 0, turnBytes: 0 };
}

/**
 * Counts what has come. Who sends more than is allowed is slowed down by not being read; who still
 * owes five seconds' worth, or does so for long, is to be closed.
 */
export function charge(
  flow: Flow,
  limits: FlowLimits,
  came: { packets: number; bytes: number },
  nowMs: number,
): Outcome {
  fill(flow, limits, nowMs);
  flow.packets -= came.packets;
  flow.bytes -= came.bytes;
  if (flow.packets >= 0 && flow.bytes >= 0) return 'accept';
  flow.overSinceMs ||= nowMs;
  const owesTooMuch = flow.packets < -packetsBurst(limits) || flow.bytes < -bytesBurst(limits);
  return owesTooMuch || nowMs - flow.overSinceMs > overMsMax ? 'close' : 'pause';
}

/** Whether it owes nothing. */
export function isPaid(flow: Flow, limits: FlowLimits, nowMs: number): boolean {
  fill(flow, limits, nowMs);
  return flow.packets >= 0 && flow.bytes >= 0;
}

function fill(flow: Flow, limits: FlowLimits, nowMs: number): void {
  const seconds = (nowMs - flow.filledAtMs) / 1000;
  const [packetsMax, bytesMax] = [packetsBurst(limits), bytesBurst(limits)];
  flow.packets = Math.min(packetsMax, flow.packets + seconds * limits.packetsPerSecondMax);
  flow.bytes = Math.min(bytesMax, flow.bytes + seconds * limits.bytesPerSecondMax);
  flow.filledAtMs = nowMs;
  const isCalm = flow.packets > packetsMax / 2 && flow.bytes > bytesMax / 2;
  if (isCalm) flow.overSinceMs = 0;
}

/** Shares each turn of the event loop among connections. */
export function createTurns() {
  let turn = 1;
  let counting = false;
  const next = () => {
    turn += 1;
    counting = false;
  };
  return {
    /** Counts a packet, and returns whether its connection may have it handled in this turn. */
    allow(flow: Flow, bytes: number): boolean {
      if (!counting) {
        counting = true;
        setImmediate(next);
      }
      if (flow.turn !== turn) {
        flow.turn = turn;
        flow.turnPackets = 0;
        flow.turnBytes = 0;
      }
      if (flow.turnPackets >= turnPacketsMax || flow.turnBytes >= turnBytesMax) return false;
      flow.turnPackets += 1;
      flow.turnBytes += bytes;
      return true;
    },
  };
}
