// Publishes numbered messages to a room one by one. Each is retried with the same id, which is
// its idempotency key, until it is acknowledged. Reconnects quickly, to keep publishing.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAndJoin, createSocket } from './client.ts';

const acknowledgeMsMax = 3_000;
const retryPauseMs = 50;

export interface Publishing {
  /** Every number from 1 to this one was acknowledged. */
  acknowledged: number;
  /** Longest time between two acknowledgements, in milliseconds. */
  stallMsMax: number;
  /** Sends that were retried because they were not acknowledged. */
  retries: number;
}

export function createPublisher(
  room: string,
  ratePerSecond: number,
  visitor: Parameters<typeof createSocket>[0],
) {
  const quick = { reconnectionDelay: 50, reconnectionDelayMax: 500, timeout: 3_000 };
  const manager = { ...visitor.manager, ...quick };
  const socket = createSocket({ ...visitor, transports: ['websocket'], manager }, () => {});
  const state: Publishing = { acknowledged: 0, stallMsMax: 0, retries: 0 };
  let running = true;
  let done = Promise.resolve();

  const send = async (number: number) => {
    const message = { roomId: room, text: String(number), id: `${room}-${number}` };
    while (running) {
      const request = socket.timeout(acknowledgeMsMax).emitWithAck('send_message', message);
      const reply = await request.catch(() => {});
      if (reply?.ok) return;
      const code = reply?.error.code;
      // not_in_room: the session was not recovered, and the client is joining again.
      if (reply && !reply.error.retryable && code !== 'not_in_room') throw new Error(code);
      state.retries += 1;
      await sleep(retryPauseMs);
    }
  };
  const publish = async () => {
    const intervalMs = 1_000 / ratePerSecond;
    let due = performance.now();
    let last = due;
    while (running) {
      await sleep(Math.max(0, due - performance.now()));
      await send(state.acknowledged + 1);
      if (!running) return;
      state.acknowledged += 1;
      state.stallMsMax = Math.max(state.stallMsMax, performance.now() - last);
      last = performance.now();
      due = Math.max(last, due + intervalMs); // delayed messages are not sent in a burst
    }
  };

  return {
    state,
    start: () => connectAndJoin(socket, room),
    /** Resolves after `stop`; rejects if a send is refused permanently. */
    run() {
      done = publish();
      return done;
    },
    /** Restarts the measurement; returns its first number. */
    reset(): number {
      Object.assign(state, { stallMsMax: 0, retries: 0 });
      return state.acknowledged + 2; // the next one may be in flight
    },
    async stop() {
      running = false;
      socket.disconnect();
      await done.catch(() => {});
    },
  };
}
