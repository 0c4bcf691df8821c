// Completes joins. A process subscribes to a room when its first member joins, and the subscription
// begins later. What is published in between is read from the log. Until then the socket gets no
// message of any room, so that the order stays.
import { setTimeout as sleep } from 'node:timers/promises';
import { Envelope, type Id } from '../delivery/envelope.ts';
import { EngineUnavailable, type Subscription } from '../engine/engine.ts';
import type { Names } from '../engine/names.ts';
import { correctPositions, estimatePosition } from '../session/clock.ts';
import { keepMissed, type Members, writeHeld } from '../session/delivery.ts';
import { type Estimate, hold, isOver, raisePosition, type Session } from '../session/session.ts';
import { messagesOf } from './log-part.ts';
import type { Stream } from './stream.ts';

const retryMs = 200;

/**
 * Returns a function that completes a join. It rejects if the engine is unavailable; the join is
 * then completed when it is back.
 */
export function createJoins(stream: Stream, members: Members, { logOf }: Pick<Names, 'logOf'>) {
  const { engine, options, clock } = stream;
  const isJoined = (session: Session, room: string) => !isOver(session) && session.joined.has(room);
  /** Reads what was published after a join and does not arrive on the channel. */
  const read = async (session: Session, room: string, upTo: Id): Promise<void> => {
    const after = session.joined.get(room);
    if (after === undefined || after >= upTo) return;
    const { gatedMessagesMax: messagesMax, gatedBytesMax: bytesMax } = options;
    const [part] = await engine.readLogs([{ log: logOf(room), after }], {
      messagesMax,
      bytesMax,
      upTo,
    });
    if (!part || !isJoined(session, room)) return;
    const messages = messagesOf(part, options.observer.unreadable);
    if (typeof messages === 'string') {
      session.client?.conn.close(); // it reconnects, and learns that it is not recovered
      return;
    }
    const start = session.joined.get(room) as Id; // it may have left and joined again
    const missed = messages.filter(({ id }) => id > start && id <= upTo);
    keepMissed(
      session,
      missed.map(({ id, payload }) => new Envelope(id, payload, id)),
      stream,
    );
  };
  const retry = async (session: Session, room: string, subscription: Subscription) => {
    while (isJoined(session, room)) {
      await sleep(retryMs, undefined, { ref: false });
      await stream.live();
      try {
        await subscription.ready;
        const upTo = await stream.position();
        correctPositions(session, clock); // which may have been set back
        await read(session, room, upTo);
        break;
      } catch (error) {
        if (!(error instanceof EngineUnavailable)) options.observer.failed('join', error);
      }
    }
    finish(session);
  };
  const finish = (session: Session) => {
    stream.arrivals.flush();
    writeHeld(members, session, stream);
  };
  return async function complete(
    session: Session,
    room: string,
    made: Estimate,
    subscription: Subscription,
  ): Promise<void> {
    hold(session, made.seen);
    try {
      const since = await subscription.ready;
      const estimate = made.requestedAt ?? clock.around(made.atMs);
      // It is beyond that if the clock was set back between.
      raisePosition(session, room, estimate < since ? estimate : since);
      await read(session, room, since);
      finish(session);
    } catch (error) {
      estimatePosition(session, room, made, clock);
      void retry(session, room, subscription);
      throw error;
    }
  };
}
