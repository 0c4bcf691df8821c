// Checks that a connection that breaks below Socket.IO is recovered with the missed messages.
import { randomUUID } from 'node:crypto';
import type { Socket } from 'socket.io-client';
import { type CheckClient, within } from './client.ts';
import { fails, holds, type Result } from './finding.ts';
import { inbox, send } from './message.ts';
import type { Pair } from './pair.ts';

const name = 'recovery';
const reconnectMsMax = 10_000;

/** Cuts the first client's WebSocket, sends from the second, and reconnects the first. */
export async function cutAndRecover({ first, second, roomId }: Pair): Promise<Result> {
  const { socket } = first;
  const got = inbox(socket, roomId);
  await cut(socket);
  const missed = `missed ${randomUUID()}`;
  const refused = await send(second.socket, roomId, missed);
  if (refused) return fails(name, 'message_refused', refused);
  const pod = await reconnect(socket);
  if (pod === undefined) return fails(name, 'not_recovered', 'the client could not reconnect');
  if (!socket.recovered)
    return fails(name, 'not_recovered', `reconnected as a new session, on ${pod}`);
  const last = `last ${randomUUID()}`;
  await send(second.socket, roomId, last);
  if (!(await got.arrived(last))) return fails(name, 'message_lost', 'no messages after recovery');
  const count = got.texts.filter((text) => text === missed).length;
  if (count === 0) return fails(name, 'recovered_without', 'the missed message was not delivered');
  if (count > 1)
    return fails(name, 'message_duplicated', `the missed message was delivered ${count} times`);
  return holds(name, `on ${pod}${wasOn(first, pod)}, the missed message was delivered once`);
}

const wasOn = (client: CheckClient, pod: string) =>
  client.pod === pod ? '' : `, from ${client.pod}`;

/** Ends the TCP connection without a close frame, as a network failure does. */
async function cut(socket: Socket): Promise<void> {
  const webSocket: { terminate(): void } = Reflect.get(socket.io.engine.transport, 'ws');
  const closed = new Promise((resolve) => socket.once('disconnect', resolve));
  webSocket.terminate();
  await closed;
}

/** Resolves to the pod that it reaches. */
async function reconnect(socket: Socket): Promise<string | undefined> {
  const welcome = new Promise<string>((resolve) => {
    socket.once('welcome', (message?: { pod?: unknown }) => resolve(String(message?.pod)));
  });
  socket.connect();
  return within(reconnectMsMax, welcome);
}
