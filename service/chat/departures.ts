// When a user has left: at once, or when a lost connection can no longer come back.
import type { Services } from '../application.ts';

const sweepMs = 2_000;

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
  /** The same again when the socket is recovered. */
  socketId?: string;
}

/** @param left told when the last socket of a user has left a room */
export function createDepartures(
  { presence, recoveryMs, log }: Services,
  left: (roomId: string, userId: string) => void,
) {
  let pending: (Departure & { at: number })[] = [];

  const now = async (roomId: string, userId: string) => {
    try {
      if (await presence.leave(roomId, userId)) left(roomId, userId);
    } catch (error) {
      log.warn({ err: error }, 'a departure waits for the store');
      pending.push({ at: Date.now() + sweepMs, roomId, userId });
    }
  };
  const sweep = async () => {
    const due = pending.filter(({ at }) => at <= Date.now());
    pending = pending.filter(({ at }) => at > Date.now());
    for (const { roomId, userId } of due) await now(roomId, userId);
    const gone = await presence.sweep().catch(() => []); // the store is away: next time
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
    after(reason: string, departure: Departure) {
      const { roomId, userId } = departure;
      if (recoveryMs === 0 || !recoverable.has(reason)) return void now(roomId, userId);
      pending.push({ ...departure, at: Date.now() + recoveryMs });
    },
    /** False when none of this socket was waiting here. */
    cancel(socketId: string): boolean {
      const others = pending.filter((departure) => departure.socketId !== socketId);
      const found = others.length < pending.length;
      pending = others;
      return found;
    },
    async close() {
      clearInterval(timer);
      await sweeping;
    },
  };
}
