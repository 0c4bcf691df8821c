// Numbers the messages of a room: one after the other, each repeated with the same id until it is
// acknowledged. What is measured disturbs it as little as can be: it comes back at once.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAndJoin, createSocket } from './client.ts';

const acknowledgeMsMax = 3_000;
const retryPauseMs = 50;

export interface Publishing {
  /** All numbers from 1 to this one were acknowledged. */
  acknowledged: number;
  /** Milliseconds between two acknowledgements, at most. */
  stallMsMax: number;
  /** Sends that were not acknowledged, and were repeated. */
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
      // Not in the room: it was not recovered, and is joining again.
      if (reply && !reply.error.retryable && code !== 'not_in_room') throw new Error(code);
      state.retries += 1;
      await sleep(retryPauseMs);
    }
  };
  const publish = async () => {
    const intervalMs = 1_000 / ratePerSecond;
    let due = Date.now();
    let last = due;
    while (running) {
      await sleep(Math.max(0, due - Date.now()));
      await send(state.acknowledged + 1);
      if (!running) return;
      state.acknowledged += 1;
      state.stallMsMax = Math.max(state.stallMsMax, Date.now() - last);
      last = Date.now();
      due = Math.max(last, due + intervalMs); // what is late is not made up for in a burst
    }
  };

  return {
    state,
    start: () => connectAndJoin(socket, room),
    /** Resolves or rejects when it ends. */
    run() {
      done = publish();
      return done;
    },
    /** The first number of a measurement that begins now. */
    reset(): number {
      Object.assign(state, { stallMsMax: 0, retries: 0 });
      return state.acknowledged + 2; // the next one may be under way
    },
    async stop() {
      running = false;
      socket.disconnect();
      await done.catch(() => {});
    },
  };
}
