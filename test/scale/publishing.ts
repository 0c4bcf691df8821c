// Publishes numbered messages to many rooms through the backend API. A number is retried with the
// same id until it is acknowledged, and only then followed by the next one of its room.
import { setTimeout as sleep } from 'node:timers/promises';
import { apiKey } from '../harness/processes.ts';

const tickMs = 20;
const pendingMax = 1_000; // while Redis is unavailable
const answerMsMax = 5_000;
const retryMs = 100;

export type Publishing = ReturnType<typeof startPublishing>;

/** @param targets the operations ports of the pods, tried in turn */
export function startPublishing(rooms: string[], rate: number, targets: () => string[]) {
  const last = new Map(rooms.map((room) => [room, 0])); // acknowledged
  const busy = new Set<string>();
  let firsts = new Map<string, number>();
  let retries = 0;
  let running = true;
  let paused = false;
  let turn = 0;

  const send = async (room: string) => {
    busy.add(room);
    const n = (last.get(room) as number) + 1;
    const data = { room, n };
    const body = JSON.stringify({ rooms: [room], event: 'numbered', data, id: `${room} ${n}` });
    while (running) {
      turn += 1;
      const urls = targets();
      const url = `${urls[turn % urls.length]}/v1/publish`;
      const signal = AbortSignal.timeout(answerMsMax);
      const headers = { Authorization: `Bearer ${apiKey}` };
      const status = await fetch(url, { method: 'POST', headers, body, signal }).then(
        async (response) => {
          await response.arrayBuffer();
          return response.status;
        },
        () => 0,
      );
      if (status === 202) break;
      if (status !== 0 && status !== 503) throw new Error(`publish: HTTP ${status}`);
      retries += 1;
      await sleep(retryMs);
    }
    if (running) last.set(room, n);
    busy.delete(room);
  };
  const run = async () => {
    let due = Date.now();
    let next = 0;
    while (running) {
      await sleep(tickMs);
      for (; due <= Date.now(); due += 1_000 / rate) {
        const room = rooms[next % rooms.length] as string;
        next += 1;
        if (!paused && busy.size < pendingMax && !busy.has(room)) void send(room).catch(failed);
      }
    }
  };
  let failure: unknown;
  const failed = (error: unknown) => {
    failure = error;
    running = false;
  };
  void run();

  return {
    /** Starts the measurement at the next number of each room; call it while paused. */
    mark() {
      firsts = new Map([...last].map(([room, n]) => [room, n + 1]));
      retries = 0;
    },
    resume() {
      paused = false;
    },
    /** Resolves once everything that was sent is acknowledged. */
    async pause(): Promise<void> {
      paused = true;
      while (busy.size > 0 && running) await sleep(tickMs);
      if (failure) throw failure;
    },
    retries: () => retries,
    /** The numbers of a room that were acknowledged since the mark. */
    rangeOf: (room: string) => ({ first: firsts.get(room) ?? 1, last: last.get(room) ?? 0 }),
    stop() {
      running = false;
    },
  };
}
