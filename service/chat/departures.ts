// Decides when a user has left a room: at once, or once a lost connection can no longer be
// recovered.
import type { Services } from '../application/index.ts';

const sweepMs = 2_000;
const noSocket = ''; // departures that wait for the store cannot be canceled

/** The reasons after which Socket.IO keeps a session, see `RECOVERABLE_DISCONNECT_REASONS`. */
const recoverable = new Set([
  'transport error',
  'transport close',
  'forced close',
  'ping timeout',
  'server shutting down',
  'forced server close',
]);

interface Departure {
  roomId: string;
  userId: string;
}

/** @param left called when the last socket of a user has left a room */
export function createDepartures(
  { presence, recoveryMs, log }: Services,
  left: (roomId: string, userId: string) => void,
) {
  // By socket id, which a recovered socket keeps, so that lookups stay cheap during a storm.
  const pending = new Map<string, (Departure & { at: number })[]>();
  const wait = (socketId: string, departure: Departure, ms: number) => {
    const waiting = pending.get(socketId) ?? [];
    waiting.push({ ...departure, at: Date.now() + ms });
    pending.set(socketId, waiting);
  };
  const takeDue = () => {
    const now = Date.now();
    const due: Departure[] = [];
    for (const [socketId, waiting] of pending) {
      const later = waiting.filter(({ at }) => at > now);
      if (later.length === waiting.length) continue;
      due.push(...waiting.filter(({ at }) => at <= now));
      if (later.length > 0) pending.set(socketId, later);
      else pending.delete(socketId);
    }
    return due;
  };

  const now = async (roomId: string, userId: string) => {
    try {
      if (await presence.leave(roomId, userId)) left(roomId, userId);
    } catch (error) {
      log.warn({ err: error }, 'presence is unavailable; will retry the departure');
      wait(noSocket, { roomId, userId }, sweepMs);
    }
  };
  const sweep = async () => {
    for (const { roomId, userId } of takeDue()) await now(roomId, userId);
    const gone = await presence.sweep().catch(() => []); // the next sweep retries
    for (const { roomId, userId } of gone) left(roomId, userId);
  };
  let sweeping: Promise<void> | undefined;
  const timer = setInterval(() => {
    sweeping ??= sweep().finally(() => {
      sweeping = undefined;
    });
  }, sweepMs);

  return {
    now,
    after(reason: string, socketId: string, departure: Departure) {
      const { roomId, userId } = departure;
      if (recoveryMs === 0 || !recoverable.has(reason)) return void now(roomId, userId);
      wait(socketId, departure, recoveryMs);
    },
    /** Returns false if no departure of this socket was pending in this process. */
    cancel: (socketId: string): boolean => pending.delete(socketId),
    async close() {
      clearInterval(timer);
      await sweeping;
    },
  };
}
