// The built-in application with users in its rooms.
import type { Socket } from 'socket.io-client';
import { type Claims, connected, startApp } from './service.ts';

export async function startChat(env: Record<string, string> = {}) {
  const service = await startApp(env);
  const user = (claims: string | Claims) => connected(service.connect(claims));
  const member = async (claims: string | Claims, room = 'lobby') => {
    const client = await user(claims);
    await client.emitWithAck('join_room', room);
    return client;
  };
  return { ...service, user, member };
}

/** What a client gets of an event from now on. */
export function recording(client: Socket, event: string): unknown[] {
  const seen: unknown[] = [];
  client.on(event, (payload) => seen.push(payload));
  return seen;
}
