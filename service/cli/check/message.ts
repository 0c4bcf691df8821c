// Checks that a message from one client reaches another exactly once, also across pods.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io-client';
import { request, within } from './client.ts';
import { fails, holds, type Result, skipped } from './finding.ts';
import type { Pair } from './pair.ts';

const arrivalMsMax = 3_000;

interface RoomMessage {
  roomId: string;
  text: string;
}

/** Sends a message in both directions. */
export async function exchange({ first, second, roomId }: Pair, podsMin: number): Promise<Result> {
  const name = 'message';
  const across = first.pod !== second.pod;
  const pods = across ? `${first.pod} and ${second.pod}` : first.pod;
  const startedAt = performance.now();
  const [there, back] = [inbox(first.socket, roomId), inbox(second.socket, roomId)];
  for (const [from, to] of [
    [first, back],
    [second, there],
  ] as const) {
    const text = `check ${randomUUID()}`;
    const sent = await send(from.socket, roomId, text);
    if (sent) return fails(name, 'message_refused', sent);
    if (!(await to.arrived(text))) {
      return fails(
        name,
        across ? 'message_lost' : 'message_lost_here',
        across ? `not delivered between ${pods}` : `not delivered on ${pods}`,
      );
    }
  }
  const tookMs = (performance.now() - startedAt).toFixed(0);
  // Both have received both messages by now: their own arrived after the other one.
  if (back.texts.length > 2 || there.texts.length > 2) {
    return fails(name, 'message_duplicated', `delivered twice, between ${pods}`);
  }
  if (across) return holds(name, `both directions between ${pods}, ${tookMs} ms`);
  if (podsMin > 1) return fails(name, 'few_pods', `only ${pods} was reached`);
  return skipped(name, `both directions on ${pods}; no other pod was reached, try --second URL`);
}

/** Sends to the room; resolves to the code of the refusal, if it was refused. */
export async function send(socket: Socket, roomId: string, text: string) {
  const reply = await request(socket, 'send_message', { roomId, text });
  return reply?.ok ? undefined : (reply?.error?.code ?? 'no answer');
}

/** Records the texts that a client receives in a room from now on. */
export function inbox(socket: Socket, roomId: string) {
  const texts: string[] = [];
  const waiting = new Map<string, () => void>();
  socket.on('new_message', (message: RoomMessage) => {
    if (message?.roomId !== roomId) return;
    texts.push(message.text);
    waiting.get(message.text)?.();
  });
  return {
    texts,
    /** Whether the text has arrived, or arrives in time. */
    async arrived(text: string): Promise<boolean> {
      const seen = new Promise<true>((resolve) => waiting.set(text, () => resolve(true)));
      return texts.includes(text) || (await within(arrivalMsMax, seen)) === true;
    },
  };
}
