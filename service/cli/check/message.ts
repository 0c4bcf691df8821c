// Whether what one client sends arrives at another, once, also on another pod.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io-client';
import { request, within } from './client.ts';
import { fails, holds, type Result, skipped } from './finding.ts';
import type { Pair } from './pair.ts';

const arrivalMsMax = 3_000;

interface Message {
  roomId: string;
  text: string;
}

/** Sends a message both ways. */
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
      return fails(name, across ? 'message_lost' : 'message_lost_here', `none between ${pods}`);
    }
  }
  const tookMs = (performance.now() - startedAt).toFixed(0);
  // Each has seen both by now: its own came back after the other's.
  if (back.texts.length > 2 || there.texts.length > 2) {
    return fails(name, 'message_doubled', `twice, between ${pods}`);
  }
  if (across) return holds(name, `both ways between ${pods}, ${tookMs} ms`);
  if (podsMin > 1) return fails(name, 'few_pods', `only ${pods} was met`);
  return skipped(name, `both ways on ${pods}; no other pod was met, try --second URL`);
}

/** Sends to the room; the code of the refusal, if it was refused. */
export async function send(socket: Socket, roomId: string, text: string) {
  const reply = await request(socket, 'send_message', { roomId, text });
  return reply?.ok ? undefined : (reply?.error?.code ?? 'no answer');
}

/** The texts that a client gets in a room from now on. */
export function inbox(socket: Socket, roomId: string) {
  const texts: string[] = [];
  const waiting = new Map<string, () => void>();
  socket.on('new_message', (message: Message) => {
    if (message?.roomId !== roomId) return;
    texts.push(message.text);
    waiting.get(message.text)?.();
  });
  return {
    texts,
    /** Whether it comes in time, or has come. */
    async arrived(text: string): Promise<boolean> {
      const seen = new Promise<true>((resolve) => waiting.set(text, () => resolve(true)));
      return texts.includes(text) || (await within(arrivalMsMax, seen)) === true;
    },
  };
}
