// Whether a connection that is cut below Socket.IO comes back with what it missed.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io-client';
import { type Client, within } from './client.ts';
import { fails, holds, type Result } from './finding.ts';
import { inbox, send } from './message.ts';
import type { Pair } from './pair.ts';

const name = 'recovery';
const comeBackMsMax = 10_000;

/** Over WebSockets: cuts the first client, lets the second speak, and connects the first again. */
export async function cutAndRecover({ first, second, roomId }: Pair): Promise<Result> {
  const { socket } = first;
  const got = inbox(socket, roomId);
  await cut(socket);
  const missed = `missed ${randomUUID()}`;
  const refused = await send(second.socket, roomId, missed);
  if (refused) return fails(name, 'message_refused', refused);
  const pod = await comeBack(socket);
  if (pod === undefined) return fails(name, 'not_recovered', 'it could not connect again');
  if (!socket.recovered) return fails(name, 'not_recovered', `connected anew, on ${pod}`);
  const last = `last ${randomUUID()}`;
  await send(second.socket, roomId, last);
  if (!(await got.arrived(last))) return fails(name, 'message_lost', 'silent after recovery');
  const count = got.texts.filter((text) => text === missed).length;
  if (count === 0) return fails(name, 'recovered_without', 'the missed message never came');
  if (count > 1) return fails(name, 'message_doubled', `the missed message came ${count} times`);
  return holds(name, `on ${pod}${wasOn(first, pod)}, the missed message came once`);
}

const wasOn = (client: Client, pod: string) => (client.pod === pod ? '' : `, from ${client.pod}`);

/** Ends the TCP connection without a word, as a network does. */
async function cut(socket: Socket): Promise<void> {
  const webSocket: { terminate(): void } = Reflect.get(socket.io.engine.transport, 'ws');
  const closed = new Promise((resolve) => socket.once('disconnect', resolve));
  webSocket.terminate();
  await closed;
}

/** The pod that it comes back to. */
async function comeBack(socket: Socket): Promise<string | undefined> {
  const welcome = new Promise<string>((resolve) => {
    socket.once('welcome', (message?: { pod?: unknown }) => resolve(String(message?.pod)));
  });
  socket.connect();
  return within(comeBackMsMax, welcome);
}
